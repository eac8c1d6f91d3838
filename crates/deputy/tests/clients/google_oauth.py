"""Signing in, tokens, scopes, and what every API has in common."""
import secrets
import urllib.parse

import requests

from google_checks import Person, check, refused
from google_people import REDIRECT, SCOPE


@check
def consent_may_be_refused_or_partial(google):
    flow = google.flow()
    url, _ = flow.authorization_url(access_type="offline")
    back = google.consent(url, "shy@sandbox.test", decision="deny")
    assert "error=access_denied" in back and "code=" not in back, back
    credentials = google.sign_in(f"shy-{secrets.token_hex(3)}@sandbox.test", refuse=[SCOPE + "gmail.send"])
    assert SCOPE + "gmail.send" not in credentials.granted_scopes, credentials.granted_scopes
    assert SCOPE + "calendar" in credentials.granted_scopes


@check
def a_code_counts_once_and_only_with_its_verifier(google):
    flow = google.flow()
    url, _ = flow.authorization_url(access_type="offline", prompt="consent")
    back = google.consent(url, "once@sandbox.test")
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))["code"]
    form = {
        "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT,
        "client_id": "sandbox-client", "client_secret": "sandbox-secret", "code_verifier": "x" * 43,
    }
    wrong = requests.post(google.origin + "/token", data=form, timeout=30)
    assert (wrong.status_code, wrong.json()["error"]) == (400, "invalid_grant"), wrong.text
    url, _ = flow.authorization_url(access_type="offline", prompt="consent")
    code = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(google.consent(url, "once@sandbox.test")).query))["code"]
    flow.fetch_token(code=code)
    assert flow.credentials.refresh_token
    form["code"], form["code_verifier"] = code, flow.code_verifier
    again = requests.post(google.origin + "/token", data=form, timeout=30)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant"), again.text


@check
def a_refresh_gives_an_access_token_until_it_is_revoked(google):
    person = Person(google, "fresh")
    before = person.credentials.token
    person.credentials.refresh(google.auth_request())
    assert person.credentials.token != before
    person.calendar.calendarList().list().execute()
    revoked = requests.post(google.origin + "/revoke", data={"token": person.credentials.refresh_token}, timeout=30)
    assert revoked.status_code == 200, revoked.text
    try:
        person.credentials.refresh(google.auth_request())
        raise AssertionError("a revoked refresh token still gives access")
    except google.RefreshError as error:
        assert "invalid_grant" in str(error), error
    again = requests.post(google.origin + "/revoke", data={"token": "nobody-gave-it"}, timeout=30)
    assert again.status_code == 400, again.text


@check
def the_client_refreshes_on_401_by_itself(google):
    person = Person(google, "expired")
    google.control("POST", "tokens", account=person.email, action="expire_access")
    before = person.credentials.token
    assert person.calendar.calendarList().list().execute()["items"]
    assert person.credentials.token != before


@check
def scopes_are_enforced_per_method(google):
    person = Person(google, "narrow", [SCOPE + "calendar.events", SCOPE + "gmail.send"])
    person.add()
    day = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-02T00:00:00Z", "items": [{"id": "primary"}]}
    with refused(403):
        person.calendar.freebusy().query(body=day).execute()
    with refused(403):
        person.mail()
    with refused(403):
        person.drive.files().list().execute()
    with refused(403):
        person.docs.documents().create(body={"title": "x"}).execute()
    person.send(person.email, "To myself", "allowed")


@check
def rate_limits_and_server_errors_are_retried_by_the_client(google):
    person = Person(google, "retry")
    for fault in ({"fault": "user_rate_limited"}, {"fault": "rate_limited", "status": 429}, {"fault": "backend_error"}, {"fault": "unavailable"}):
        google.control("POST", "faults", account=person.email, method="calendar.events.list", **fault)
        with refused(fault.get("status") or {"user_rate_limited": 403, "backend_error": 500, "unavailable": 503}[fault["fault"]]):
            person.calendar.events().list(calendarId="primary").execute()
        google.control("POST", "faults", account=person.email, method="calendar.events.list", **fault)
        request = person.calendar.events().list(calendarId="primary")
        request._sleep = lambda seconds: None
        assert request.execute(num_retries=2)["items"] == []


@check
def bad_requests_are_refused(google):
    person = Person(google, "bad")
    bearer = {"Authorization": f"Bearer {person.credentials.token}"}
    get = lambda path, **headers: requests.get(google.origin + path, headers=headers, timeout=30)
    nobody = get("/calendar/v3/users/me/calendarList")
    assert nobody.status_code == 401 and nobody.json()["error"]["code"] == 401, nobody.text
    wrong = get("/calendar/v3/users/me/calendarList", Authorization="Bearer made-up")
    assert wrong.status_code == 401 and wrong.json()["error"]["errors"][0]["reason"] == "authError", wrong.text
    number = get("/calendar/v3/users/me/calendarList?maxResults=many", **bearer)
    assert number.status_code == 400, number.text
    enum = get("/gmail/v1/users/me/messages/1?format=loud", **bearer)
    assert enum.status_code == 400, enum.text
    body = requests.post(google.origin + "/calendar/v3/freeBusy", data="{", headers=bearer | {"Content-Type": "application/json"}, timeout=30)
    assert body.status_code == 400, body.text
    assert get("/calendar/v3/nothing", **bearer).status_code == 404
