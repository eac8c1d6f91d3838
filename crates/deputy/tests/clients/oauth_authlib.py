"""Authlib on the REST API. It repeats the first scope at each refresh, and refreshes by its own clock."""
import os

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.common.security import generate_token

from oauth_person import API, REDIRECT, TOOL, discover, later, open_link, register, take_away

server = discover()
kept = []
client = OAuth2Session(
    register(server),
    redirect_uri=REDIRECT,
    scope="tools:read tools:call offline_access",
    code_challenge_method="S256",
    token_endpoint=server["token_endpoint"],
    update_token=lambda token, refresh_token=None, access_token=None: kept.append(token),
)


def log_in():
    verifier = generate_token(48)
    url, state = client.create_authorization_url(server["authorization_endpoint"], code_verifier=verifier, resource=API)
    return client.fetch_token(authorization_response=open_link(url), state=state, code_verifier=verifier)


def works():
    answer = client.post(TOOL, json={})
    assert answer.status_code == 200 and not answer.json()["data"]["is_error"], answer.text


first = log_in()
works()

later(hours=2)
works()
[second] = kept
assert second["refresh_token"] != first["refresh_token"] and second["access_token"] != first["access_token"]

take_away()
refused = client.post(TOOL, json={})
assert refused.status_code == 401 and 'error="invalid_token"' in refused.headers["WWW-Authenticate"], refused.headers
try:
    client.refresh_token(server["token_endpoint"], refresh_token=second["refresh_token"])
    raise SystemExit("a refresh token outlived the person's word")
except OAuthError as error:
    assert error.error == "invalid_grant", error

third = log_in()
works()
answer = client.revoke_token(server["revocation_endpoint"], token=third["refresh_token"], token_type_hint="refresh_token")
assert answer.status_code == 200, answer.text
assert client.post(TOOL, json={}).status_code == 401
