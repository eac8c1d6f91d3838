"""requests-oauthlib on the REST API: its own refresh, when its own clock says so."""
import os

os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

from oauthlib.oauth2 import InvalidGrantError
from requests_oauthlib import OAuth2Session

from oauth_person import API, REDIRECT, TOOL, discover, later, open_link, register, take_away

server = discover()
kept = []
client_id = register(server)
client = OAuth2Session(
    client_id,
    redirect_uri=REDIRECT,
    scope=["tools:read", "tools:call"],
    pkce="S256",
    auto_refresh_url=server["token_endpoint"],
    auto_refresh_kwargs={"client_id": client_id},
    token_updater=kept.append,
)


def log_in():
    url, _ = client.authorization_url(server["authorization_endpoint"], resource=API)
    return client.fetch_token(server["token_endpoint"], authorization_response=open_link(url), include_client_id=True)


def works():
    answer = client.post(TOOL, json={})
    assert answer.status_code == 200 and not answer.json()["data"]["is_error"], answer.text


first = log_in()
assert sorted(first["scope"]) == ["tools:call", "tools:read"], first["scope"]
works()

later(hours=2)
works()
[second] = kept
assert second["refresh_token"] != first["refresh_token"] and second["access_token"] != first["access_token"]

take_away()
refused = client.post(TOOL, json={})
assert refused.status_code == 401 and 'error="invalid_token"' in refused.headers["WWW-Authenticate"], refused.headers
try:
    client.refresh_token(server["token_endpoint"], client_id=client_id)
    raise SystemExit("a refresh token outlived the person's word")
except InvalidGrantError:
    pass

log_in()
works()
