"""Authlib: code with PKCE, ID tokens against the published keys, refreshing, giving back and asking, with a secret."""

import os

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749 import MismatchingStateException
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet
import requests

from person import SERVER, secret, visit

# The server of the test is at a loopback address, without TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

metadata = requests.get(get_well_known_url(SERVER, external=True), timeout=30).json()
CALLBACK = "https://app.example/cb"
VERIFIER = "v" * 43


def main():
    for method in ["client_secret_basic", "client_secret_post"]:
        site = register(method)
        tokens = sign_in(site)
        asks(site, tokens)
    refuses(site)


def register(method):
    asked = {
        "client_name": "Authlib",
        "redirect_uris": [CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": method,
    }
    made = requests.post(metadata["registration_endpoint"], json=asked, timeout=30)
    assert made.status_code == 201, made.text
    made = made.json()
    secret(made["client_secret"])
    return OAuth2Session(
        made["client_id"],
        made["client_secret"],
        token_endpoint=metadata["token_endpoint"],
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        redirect_uri=CALLBACK,
        scope="openid email models:use",
        code_challenge_method="S256",
    )


def sign_in(site):
    link, state = site.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=VERIFIER, nonce="a nonce"
    )
    answer = visit(link)
    try:
        site.fetch_token(authorization_response=answer, state="another")
        raise AssertionError("the answer to another request was taken")
    except MismatchingStateException:
        pass
    tokens = site.fetch_token(authorization_response=answer, state=state, code_verifier=VERIFIER)
    secret(tokens["access_token"])
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=30).json())
    decoded = jwt.decode(tokens["id_token"], keys, algorithms=metadata["id_token_signing_alg_values_supported"])
    claims = CodeIDToken(
        decoded.claims,
        decoded.header,
        {"iss": {"value": metadata["issuer"]}, "aud": {"value": site.client_id}},
        {"nonce": "a nonce", "client_id": site.client_id, "max_age": 60, "access_token": tokens["access_token"]},
    )
    claims.validate(leeway=10)
    info = site.get(metadata["userinfo_endpoint"]).json()
    assert info == {"sub": claims["sub"], "email": "person@example.com", "email_verified": True}, info
    assert claims["email"] == info["email"], claims
    return tokens


def asks(site, tokens):
    worth = site.introspect_token(metadata["introspection_endpoint"], tokens["access_token"]).json()
    assert worth["active"] is True and worth["scope"] == "openid email models:use", worth
    renewed = site.refresh_token()
    assert renewed["access_token"] != tokens["access_token"]
    # An expired one is renewed by itself.
    site.token = {**renewed, "expires_at": 1}
    assert site.get(metadata["userinfo_endpoint"]).status_code == 200
    assert site.token["access_token"] != renewed["access_token"]
    last = dict(site.token)
    gone = site.revoke_token(metadata["revocation_endpoint"], last["refresh_token"], "refresh_token")
    assert gone.status_code == 200 and gone.content == b"", gone.text
    worth = site.introspect_token(metadata["introspection_endpoint"], last["access_token"]).json()
    assert worth == {"active": False}, worth
    site.token = last
    assert site.get(metadata["userinfo_endpoint"]).status_code == 401
    refused("invalid_grant", lambda: site.refresh_token(refresh_token=last["refresh_token"]))


def refuses(site):
    link, state = site.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
    answer = visit(link)
    wrong = lambda: site.fetch_token(authorization_response=answer, state=state, code_verifier="w" * 43)
    refused("invalid_grant", wrong)
    site.client_secret = "wrong"
    link, state = site.create_authorization_url(metadata["authorization_endpoint"], code_verifier=VERIFIER)
    answer = visit(link)
    unproven = lambda: site.fetch_token(authorization_response=answer, state=state, code_verifier=VERIFIER)
    refused("invalid_client", unproven)


def refused(error, call):
    try:
        call()
    except OAuthError as thrown:
        assert thrown.error == error, thrown
        assert thrown.description.endswith("."), thrown
        return
    raise AssertionError(f"not refused with {error}")


main()
