// openid-client: registration, code with PKCE, OpenID, resources, device codes, refreshing and giving back.

import assert from 'node:assert/strict';
import { decide, done, load, secret, server, visit } from './person.mjs';

const client = load('openid-client');
const issuer = new URL(server);
const resource = process.env.KEYWRIGHT_TEST_RESOURCE;
const plain = { execute: [client.allowInsecureRequests] };
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

async function fails(promise, error) {
    await assert.rejects(promise, (thrown) => thrown.error === error || assert.fail(thrown));
}

const unexpected = (name) => (thrown) => thrown.cause.message.includes(`unexpected "${name}"`);

async function signIn(config, redirectUri, parameters) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const [state, nonce] = [client.randomState(), client.randomNonce()];
    const link = client.buildAuthorizationUrl(config, {
        redirect_uri: redirectUri,
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state,
        nonce,
        ...parameters,
    });
    const checks = { pkceCodeVerifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };
    return [await visit(link), checks];
}

// A program on the person's machine, as it registers itself.
const native = await client.dynamicClientRegistration(
    issuer,
    {
        client_name: 'A judge',
        redirect_uris: ['http://127.0.0.1/cb'],
        grant_types: ['authorization_code', 'refresh_token', DEVICE],
        response_types: ['code'],
        application_type: 'native',
        token_endpoint_auth_method: 'none',
    },
    client.None(),
    plain,
);
assert.equal(native.serverMetadata().supportsPKCE(), true);
client.enableNonRepudiationChecks(native);
{
    const [callback, checks] = await signIn(native, 'http://127.0.0.1:40001/cb', {
        scope: 'openid email profile offline_access models:use',
        max_age: '600',
    });
    const tokens = await client.authorizationCodeGrant(native, callback, { ...checks, maxAge: 600 });
    await secret(tokens.access_token);
    assert.equal(tokens.expires_in, 3600);
    assert.equal(tokens.scope, 'openid email profile offline_access models:use');
    const claims = tokens.claims();
    const user = await client.fetchUserInfo(native, tokens.access_token, claims.sub);
    assert.deepEqual([user.email, user.email_verified], ['person@example.com', true]);
    assert.equal(claims.email, user.email);

    const refreshed = await client.refreshTokenGrant(native, tokens.refresh_token);
    await secret(refreshed.refresh_token);
    assert.notEqual(refreshed.refresh_token, tokens.refresh_token);
    await client.fetchUserInfo(native, refreshed.access_token, claims.sub);
    await client.tokenRevocation(native, refreshed.refresh_token);
    await fails(client.refreshTokenGrant(native, refreshed.refresh_token), 'invalid_grant');
    await assert.rejects(client.fetchUserInfo(native, refreshed.access_token, claims.sub), (thrown) => {
        assert.equal(thrown.cause[0].scheme, 'bearer');
        assert.equal(thrown.cause[0].parameters.error, 'invalid_token');
        return true;
    });
    await fails(client.authorizationCodeGrant(native, callback, checks), 'invalid_grant');
}
// What was answered to another request, or by another server, is not taken.
{
    const [callback, checks] = await signIn(native, 'http://127.0.0.1:40001/cb', { scope: 'openid models:use' });
    const [other] = await signIn(native, 'http://127.0.0.1:40001/cb', { scope: 'openid models:use' });
    await assert.rejects(client.authorizationCodeGrant(native, other, checks), unexpected('state'));
    const mixed = new URL(callback);
    mixed.searchParams.set('iss', 'https://evil.example');
    await assert.rejects(client.authorizationCodeGrant(native, mixed, checks), unexpected('iss'));
    const wrong = { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() };
    await fails(client.authorizationCodeGrant(native, callback, wrong), 'invalid_grant');
}
// A person says no.
{
    const link = client.buildAuthorizationUrl(native, {
        redirect_uri: 'http://127.0.0.1:40001/cb',
        code_challenge: await client.calculatePKCECodeChallenge(client.randomPKCECodeVerifier()),
        code_challenge_method: 'S256',
        state: 'no',
    });
    const refused = await visit(link, false);
    await fails(client.authorizationCodeGrant(native, refused, { expectedState: 'no' }), 'access_denied');
}
// A device.
for (const allow of [true, false]) {
    const codes = await client.initiateDeviceAuthorization(native, { scope: 'openid models:use' });
    await decide(codes.user_code, allow);
    const polling = client.pollDeviceAuthorizationGrant(native, { ...codes, interval: 0.1 });
    if (allow) {
        const tokens = await polling;
        await client.fetchUserInfo(native, tokens.access_token, tokens.claims().sub);
    } else {
        await fails(polling, 'access_denied');
    }
}
// A site with a secret, for another resource; each way to prove itself.
for (const [method, way] of [
    ['client_secret_basic', client.ClientSecretBasic],
    ['client_secret_post', client.ClientSecretPost],
]) {
    const asked = {
        redirect_uris: ['https://app.example/cb'],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: method,
    };
    const registered = await client.dynamicClientRegistration(issuer, asked, undefined, plain);
    const { client_id: id, client_secret: password } = registered.clientMetadata();
    await secret(password);
    const site = await client.discovery(issuer, id, undefined, way(password), { ...plain, algorithm: 'oauth2' });
    const parameters = { scope: 'openid models:use', resource };
    const [callback, checks] = await signIn(site, 'https://app.example/cb', parameters);
    const tokens = await client.authorizationCodeGrant(site, callback, checks, { resource });
    const worth = await client.tokenIntrospection(site, tokens.access_token);
    assert.deepEqual([worth.active, worth.aud, worth.client_id], [true, resource, id]);
    await fails(client.refreshTokenGrant(site, tokens.refresh_token, { resource: server }), 'invalid_target');
    await client.tokenRevocation(site, tokens.access_token);
    const after = await client.tokenIntrospection(site, tokens.access_token);
    assert.deepEqual(after, { active: false });
}
done();
