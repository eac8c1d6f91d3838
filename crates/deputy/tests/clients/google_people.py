"""Accounts of an emulated Google, signed in as a person would: through the consent page.

Everything here is Google's own code (google-auth-oauthlib, google-api-python-client) or plain HTTP; nothing
of Deputy's.
"""
import html.parser
import importlib.resources
import json
import os
import urllib.parse

import requests

# The emulated Google is on loopback without TLS; and it may grant less than was asked for.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
os.environ["OAUTHLIB_RELAX_TOKEN_SCOPE"] = "1"

from google_auth_oauthlib.flow import Flow  # noqa: E402
from googleapiclient.discovery import build_from_document  # noqa: E402

SCOPE = "https://www.googleapis.com/auth/"
ALL = [
    SCOPE + name
    for name in ("calendar", "calendar.events", "gmail.readonly", "gmail.send", "gmail.compose", "drive", "documents")
]
REDIRECT = "http://127.0.0.1:1/back"


def document(api):
    """A discovery document as Google's client ships it, for instance `calendar.v3`."""
    file = importlib.resources.files("googleapiclient") / "discovery_cache" / "documents" / f"{api}.json"
    return json.loads(file.read_text("utf-8"))


class Forms(html.parser.HTMLParser):
    """The forms of a page: where each goes, and its fields as they stand."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "form":
            self.found.append((given.get("action"), []))
        elif tag == "input" and self.found and given.get("type") != "submit" and "name" in given:
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.found[-1][1].append((given["name"], given.get("value", "")))


class Google:
    """An emulated Google, by its origin."""

    def __init__(self, origin):
        self.origin = origin.rstrip("/")

    def flow(self, scopes=ALL, **more):
        config = {
            "client_id": "sandbox-client",
            "client_secret": "sandbox-secret",
            "auth_uri": self.origin + "/o/oauth2/v2/auth",
            "token_uri": self.origin + "/token",
            "redirect_uris": [REDIRECT],
        }
        return Flow.from_client_config({"web": config}, scopes, redirect_uri=REDIRECT, autogenerate_code_verifier=True, **more)

    def consent(self, url, email, decision="allow", refuse=()):
        """Opens the consent page, decides, and gives the URL that the browser is sent to."""
        page = requests.get(url, timeout=30)
        assert page.status_code == 200, (page.status_code, page.text)
        action, fields = next(form for form in Forms(page.text).found if any(n in ("scope", "email") for n, _ in form[1]))
        fields = [(n, v) for n, v in fields if n not in ("email", "decision") and not (n == "scope" and v in refuse)]
        fields += [("email", email), ("decision", decision)]
        target = urllib.parse.urljoin(page.url, action or "")
        answer = requests.post(target, data=fields, allow_redirects=False, timeout=30)
        assert answer.status_code in (302, 303), (answer.status_code, answer.text)
        return answer.headers["location"]

    def sign_in(self, email, scopes=ALL, **consent):
        """Credentials of an account, by the code flow with PKCE."""
        flow = self.flow(scopes)
        url, state = flow.authorization_url(access_type="offline", include_granted_scopes="true", prompt="consent")
        back = self.consent(url, email, **consent)
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
        assert query["state"] == state, back
        flow.fetch_token(code=query["code"])
        return flow.credentials

    def service(self, api, credentials):
        """Google's client for an API, with the roots of its own document replaced (uploads go there too)."""
        doc = document(api)
        doc["rootUrl"] = self.origin + "/"
        doc["baseUrl"] = self.origin + "/" + doc["servicePath"]
        doc.pop("mtlsRootUrl", None)
        return build_from_document(doc, credentials=credentials)

    def control(self, verb, path, **body):
        answer = requests.request(verb, f"{self.origin}/control/{path}", json=body or None, timeout=30)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.json()
