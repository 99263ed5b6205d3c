// oauth4webapi, which refuses each answer that is not by the letter of its RFC.

import assert from 'node:assert/strict';
import { advance, decide, done, load, secret, server, visit } from './person.mjs';

const oauth = load('oauth4webapi');
const issuer = new URL(server);
const plain = { [oauth.allowInsecureRequests]: true };
const callback = 'http://127.0.0.1:40002/cb';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

// RFC 8414 and OpenID Connect Discovery say the same.
const documents = {};
for (const algorithm of ['oidc', 'oauth2']) {
    const answer = await oauth.discoveryRequest(issuer, { algorithm, ...plain });
    documents[algorithm] = await oauth.processDiscoveryResponse(issuer, answer);
}
assert.deepEqual(documents.oidc, documents.oauth2);
const as = documents.oauth2;
assert.deepEqual(as.code_challenge_methods_supported, ['S256']);
assert.equal(as.authorization_response_iss_parameter_supported, true);

// RFC 9728.
const resource = await oauth.processResourceDiscoveryResponse(
    issuer,
    await oauth.resourceDiscoveryRequest(issuer, plain),
);
assert.deepEqual(resource.authorization_servers, [as.issuer]);

// RFC 7591.
async function register(metadata) {
    const answer = await oauth.dynamicClientRegistrationRequest(as, metadata, plain);
    return oauth.processDynamicClientRegistrationResponse(answer);
}
const native = await register({
    client_name: 'A strict judge',
    redirect_uris: ['http://127.0.0.1/cb'],
    grant_types: ['authorization_code', 'refresh_token', DEVICE],
    token_endpoint_auth_method: 'none',
});
const site = await register({
    redirect_uris: ['https://app.example/cb?tenant=1'],
    grant_types: ['authorization_code', 'refresh_token'],
});
assert.equal(site.token_endpoint_auth_method, 'client_secret_basic');
await secret(site.client_secret);
await refused(register({ redirect_uris: ['javascript:alert(1)'] }), 'invalid_redirect_uri');

async function refused(promise, error) {
    await assert.rejects(promise, (thrown) => {
        assert.ok(thrown instanceof oauth.ResponseBodyError, thrown);
        assert.equal(thrown.error, error);
        return true;
    });
}

// RFC 6749 with RFC 7636 and RFC 9207, and OpenID Connect Core.
async function link(client, redirectUri, more) {
    const verifier = oauth.generateRandomCodeVerifier();
    const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
    const url = new URL(as.authorization_endpoint);
    const parameters = {
        client_id: client.client_id,
        redirect_uri: redirectUri,
        response_type: 'code',
        scope: 'openid email models:use',
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
        ...more,
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { url, verifier, state, nonce };
}
async function exchange(client, authentication, redirectUri, asked, answer) {
    const validated = oauth.validateAuthResponse(as, client, answer, asked.state);
    const request = [as, client, authentication, validated, redirectUri, asked.verifier, plain];
    const response = await oauth.authorizationCodeGrantRequest(...request);
    const checks = { expectedNonce: asked.nonce, requireIdToken: true };
    const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, checks);
    await oauth.validateApplicationLevelSignature(as, response, plain);
    return tokens;
}
const asked = await link(native, callback, {});
const answer = await visit(asked.url);
const tokens = await exchange(native, oauth.None(), callback, asked, answer);
await secret(tokens.access_token);
const claims = oauth.getValidatedIdTokenClaims(tokens);
assert.equal(claims.email, 'person@example.com');
await refused(exchange(native, oauth.None(), callback, asked, answer), 'invalid_grant');

// Answers of another server, to another request, twice, and refusals.
const again = await link(native, callback, {});
const good = await visit(again.url);
for (const [name, value] of [['iss', 'https://evil.example'], ['state', 'another']]) {
    const bad = new URL(good);
    bad.searchParams.set(name, value);
    assert.throws(() => oauth.validateAuthResponse(as, native, bad, again.state), name);
}
const without = new URL(good);
without.searchParams.delete('iss');
assert.throws(() => oauth.validateAuthResponse(as, native, without, again.state), /iss/);
for (const [more, error] of [
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ scope: 'nonsense' }, 'invalid_scope'],
    [{ resource: 'https://elsewhere.example' }, 'invalid_target'],
    [{ prompt: 'none' }, 'consent_required'],
]) {
    const bad = await link(native, callback, more);
    const told = await visit(bad.url);
    assert.throws(
        () => oauth.validateAuthResponse(as, native, told, bad.state),
        (thrown) => thrown instanceof oauth.AuthorizationResponseError && thrown.error === error,
        error,
    );
}

// Userinfo, refreshing, RFC 7009 and RFC 7662, with a secret.
const basic = oauth.ClientSecretBasic(site.client_secret);
const home = 'https://app.example/cb?tenant=1';
const atSite = await link(site, home, {});
const theirs = await exchange(site, basic, home, atSite, await visit(atSite.url));
const subject = oauth.getValidatedIdTokenClaims(theirs).sub;
const info = await oauth.userInfoRequest(as, site, theirs.access_token, plain);
assert.equal((await oauth.processUserInfoResponse(as, site, subject, info)).sub, subject);
const refresh = async (token) =>
    oauth.processRefreshTokenResponse(as, site, await oauth.refreshTokenGrantRequest(as, site, basic, token, plain));
const refreshed = await refresh(theirs.refresh_token);
// Within ten seconds whoever has not heard the answer is answered the same.
assert.deepEqual((await refresh(theirs.refresh_token)).refresh_token, refreshed.refresh_token);
async function worth(token) {
    const response = await oauth.introspectionRequest(as, site, basic, token, plain);
    return oauth.processIntrospectionResponse(as, site, response);
}
const live = await worth(refreshed.access_token);
assert.deepEqual([live.active, live.client_id, live.sub, live.token_type], [true, site.client_id, subject, 'Bearer']);
assert.equal((await worth(tokens.access_token)).active, false);
const revocation = await oauth.revocationRequest(as, site, basic, refreshed.refresh_token, plain);
await oauth.processRevocationResponse(revocation);
assert.equal((await worth(refreshed.access_token)).active, false);
await refused(refresh(refreshed.refresh_token), 'invalid_grant');
const nobody = oauth.ClientSecretBasic('wrong');
const wrong = await oauth.introspectionRequest(as, site, nobody, 'x', plain);
await assert.rejects(oauth.processIntrospectionResponse(as, site, wrong), (thrown) => {
    assert.ok(thrown instanceof oauth.WWWAuthenticateChallengeError, thrown);
    assert.equal(thrown.cause[0].scheme, 'basic');
    return true;
});

// RFC 8628: pending, too fast, and in; then refused.
for (const allow of [true, false]) {
    const begun = await oauth.deviceAuthorizationRequest(as, native, oauth.None(), { scope: 'openid models:use' }, plain);
    const codes = await oauth.processDeviceAuthorizationResponse(as, native, begun);
    const poll = async () => {
        const response = await oauth.deviceCodeGrantRequest(as, native, oauth.None(), codes.device_code, plain);
        return oauth.processDeviceCodeResponse(as, native, response);
    };
    await refused(poll(), 'authorization_pending');
    await refused(poll(), 'slow_down');
    await decide(codes.user_code, allow);
    await advance(10);
    if (allow) {
        const given = await poll();
        assert.equal(oauth.getValidatedIdTokenClaims(given).sub, subject);
        await refused(poll(), 'invalid_grant');
    } else {
        await refused(poll(), 'access_denied');
    }
}
done();
