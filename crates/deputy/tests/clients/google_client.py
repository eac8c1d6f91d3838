"""Google's own Python client against an emulated Google: does it behave as Google's documentation says?

usage: google_client.py ORIGIN [NAME...]

Each check is a function whose name ends up in the output; NAME runs only those. The exit code is 1 if
one fails. Accounts are made up per run, so one emulator can be driven many times.
"""
import base64
import datetime
import email
import email.message
import io
import random
import secrets
import sys
import traceback
import urllib.parse

import google.auth.exceptions
import google.auth.transport.requests
import requests
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

from google_people import ALL, REDIRECT, SCOPE, Google

DOC = "application/vnd.google-apps.document"


class refused:
    """Asserts that the block fails with this status (and `reason`), and keeps the error's details."""

    def __init__(self, status, reason=None):
        self.status, self.reason, self.error = status, reason, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, HttpError), f"no refusal but {error!r}"
        assert error.resp.status == self.status, (error.resp.status, error.content)
        self.error = error.error_details
        if self.reason:
            found = [d.get("reason") for d in error.error_details if isinstance(d, dict)]
            assert self.reason in found, (found, error.content)
        self.text = error.content.decode()
        return True


class Person:
    """An account with a client of each API."""

    def __init__(self, google, name, scopes=ALL):
        self.email = f"{name}-{secrets.token_hex(3)}@sandbox.test"
        self.credentials = google.sign_in(self.email, scopes)
        for attribute, api in (("calendar", "calendar.v3"), ("gmail", "gmail.v1"), ("drive", "drive.v3"), ("docs", "docs.v1")):
            setattr(self, attribute, google.service(api, self.credentials))

    # Calendar

    def add(self, summary="Meeting", day=1, hour=10, calendar="primary", **more):
        body = {
            "summary": summary,
            "start": {"dateTime": f"2026-12-{day:02}T{hour:02}:00:00+04:00"},
            "end": {"dateTime": f"2026-12-{day:02}T{hour + 1:02}:00:00+04:00"},
        }
        parameters = {k: more.pop(k) for k in ("sendUpdates",) if k in more}
        return self.calendar.events().insert(calendarId=calendar, body=body | more, **parameters).execute()

    def events(self, **parameters):
        """All pages of a listing: the items, and the last page."""
        events, found = self.calendar.events(), []
        request = events.list(**{"calendarId": "primary"} | parameters)
        while request is not None:
            page = request.execute()
            found += page["items"]
            assert not ("nextPageToken" in page and "nextSyncToken" in page), page
            request = events.list_next(request, page)
        return found, page

    # Gmail

    def send(self, to, subject, text, thread=None, **headers):
        message = email.message.EmailMessage()
        message["To"], message["From"], message["Subject"] = to, self.email, subject
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        body = {"raw": base64.urlsafe_b64encode(message.as_bytes()).decode()}
        if thread:
            body["threadId"] = thread
        return self.gmail.users().messages().send(userId="me", body=body).execute()

    def mail(self, q="", **parameters):
        request = self.gmail.users().messages().list(userId="me", q=q, **parameters)
        return request.execute().get("messages", [])

    def message(self, id, **parameters):
        return self.gmail.users().messages().get(userId="me", id=id, **parameters).execute()

    # Docs

    def text(self, id):
        document = self.docs.documents().get(documentId=id).execute()
        return "".join(
            element["textRun"]["content"]
            for block in document["body"]["content"]
            for element in block.get("paragraph", {}).get("elements", [])
            if "textRun" in element
        )

    def edit(self, id, *requests, **control):
        body = {"requests": list(requests)} | ({"writeControl": control} if control else {})
        return self.docs.documents().batchUpdate(documentId=id, body=body).execute()


def header(message, name):
    found = [h["value"] for h in message["payload"]["headers"] if h["name"].lower() == name.lower()]
    return found[0] if found else None


def decoded(data):
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


def conditional(request, **headers):
    request.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return request


CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


# OAuth


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


# Calendar


@check
def events_are_made_read_changed_and_deleted(google):
    person = Person(google, "anna")
    made = person.add("Встреча", location="Дом", transparency="transparent")
    assert (made["status"], made["kind"], made["sequence"]) == ("confirmed", "calendar#event", 0), made
    assert made["organizer"]["email"] == person.email and made["organizer"]["self"] is True, made
    assert made["htmlLink"].startswith("http") and made["iCalUID"], made
    events = person.calendar.events()
    read = events.get(calendarId="primary", eventId=made["id"]).execute()
    assert read == made
    moved = events.patch(calendarId="primary", eventId=made["id"], body={"summary": "Moved"}).execute()
    assert (moved["summary"], moved["location"]) == ("Moved", "Дом"), moved
    assert moved["etag"] != made["etag"] and moved["updated"] > made["updated"]
    # PUT replaces: what it leaves out is gone.
    replaced = events.update(calendarId="primary", eventId=made["id"], body={"start": made["start"], "end": made["end"]}).execute()
    assert "summary" not in replaced and "location" not in replaced and "transparency" not in replaced, replaced
    assert events.delete(calendarId="primary", eventId=made["id"]).execute() == ""
    gone = events.get(calendarId="primary", eventId=made["id"]).execute()
    assert gone["status"] == "cancelled", gone
    assert person.events()[0] == []
    with refused(410, "deleted"):
        events.delete(calendarId="primary", eventId=made["id"]).execute()
    with refused(404, "notFound"):
        events.get(calendarId="primary", eventId="nosuchevent").execute()
    with refused(404, "notFound"):
        person.events(calendarId="nobody@sandbox.test")


@check
def a_sync_loop_sees_every_change_once(google):
    person = Person(google, "sync")
    ids = [person.add(f"Event {n}", day=n + 1)["id"] for n in range(5)]
    found, page = person.events(maxResults=2)
    assert sorted(e["id"] for e in found) == sorted(ids), found
    token = page["nextSyncToken"]
    found, page = person.events(syncToken=token, maxResults=2)
    assert found == [], found
    events = person.calendar.events()
    events.patch(calendarId="primary", eventId=ids[0], body={"summary": "Changed"}).execute()
    events.delete(calendarId="primary", eventId=ids[1]).execute()
    new = person.add("New")["id"]
    found, page = person.events(syncToken=page["nextSyncToken"], maxResults=2)
    seen = {e["id"]: e for e in found}
    assert set(seen) == {ids[0], ids[1], new} and len(found) == 3, found
    assert seen[ids[0]]["summary"] == "Changed" and seen[ids[1]]["status"] == "cancelled"
    token = page["nextSyncToken"]
    assert person.events(syncToken=token)[0] == []
    for parameter in ({"q": "x"}, {"timeMin": "2026-12-01T00:00:00Z"}, {"orderBy": "updated"}, {"updatedMin": "2026-12-01T00:00:00Z"}):
        with refused(400):
            person.events(syncToken=token, **parameter)
    google.control("POST", "expire", account=person.email)
    with refused(410, "fullSyncRequired"):
        person.events(syncToken=token)
    with refused(410):
        person.events(syncToken="made-up")
    assert len(person.events()[0]) == 5


@check
def the_bounds_of_a_listing_are_exclusive(google):
    person = Person(google, "bounds")
    person.add("At ten")  # 10:00 to 11:00
    count = lambda low, high: len(person.events(timeMin=f"2026-12-01T{low}:00+04:00", timeMax=f"2026-12-01T{high}:00+04:00")[0])
    assert count("09:00", "10:00") == 0
    assert count("09:00", "10:01") == 1
    assert count("11:00", "12:00") == 0
    assert count("10:59", "12:00") == 1
    with refused(400, "timeRangeEmpty"):
        count("12:00", "11:00")
    with refused(400):
        person.events(timeMin="2026-12-01T10:00:00")
    with refused(400):
        person.events(orderBy="startTime")
    person.add("Earlier", hour=8)
    assert [e["summary"] for e in person.events(orderBy="startTime", singleEvents=True)[0]] == ["Earlier", "At ten"]
    assert [e["summary"] for e in person.events(q="earl")[0]] == ["Earlier"]


@check
def etags_guard_writes(google):
    person = Person(google, "etag")
    made = person.add()
    events = person.calendar.events()
    patch = lambda summary: events.patch(calendarId="primary", eventId=made["id"], body={"summary": summary})
    changed = conditional(patch("Mine"), If_Match=made["etag"]).execute()
    with refused(412, "conditionNotMet"):
        conditional(patch("Lost update"), If_Match=made["etag"]).execute()
    with refused(412, "conditionNotMet"):
        conditional(events.delete(calendarId="primary", eventId=made["id"]), If_Match=made["etag"]).execute()
    with refused(412, "conditionNotMet"):
        body = {"start": made["start"], "end": made["end"]}
        conditional(events.update(calendarId="primary", eventId=made["id"], body=body), If_Match=made["etag"]).execute()
    try:
        conditional(events.get(calendarId="primary", eventId=made["id"]), If_None_Match=changed["etag"]).execute()
        raise AssertionError("an unchanged event was sent again")
    except HttpError as error:
        assert error.resp.status == 304
    assert events.get(calendarId="primary", eventId=made["id"]).execute()["summary"] == "Mine"


@check
def an_event_id_counts_once(google):
    person = Person(google, "ids")
    own = "once" + secrets.token_hex(8)
    assert person.add(id=own)["id"] == own
    with refused(409, "duplicate"):
        person.add(id=own)
    with refused(400):
        person.add(id="Not Base32hex!")
    assert len(person.events()[0]) == 1


@check
def a_series_expands_and_its_instances_are_their_own(google):
    person = Person(google, "series")
    body = {
        "summary": "Weekly",
        "start": {"dateTime": "2026-10-20T09:00:00", "timeZone": "Europe/Berlin"},
        "end": {"dateTime": "2026-10-20T10:00:00", "timeZone": "Europe/Berlin"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=4"],
    }
    events = person.calendar.events()
    with refused(400):
        without = {k: ({"dateTime": v["dateTime"] + "Z"} if k in ("start", "end") else v) for k, v in body.items()}
        events.insert(calendarId="primary", body=without).execute()
    master = events.insert(calendarId="primary", body=body).execute()
    found, _ = person.events(singleEvents=True, orderBy="startTime")
    # The clock goes back on 25 October: 9 o'clock stays 9 o'clock.
    starts = [datetime.datetime.fromisoformat(e["start"]["dateTime"]).astimezone(datetime.UTC).hour for e in found]
    assert starts == [7, 8, 8, 8], starts
    assert all(e["recurringEventId"] == master["id"] and "recurrence" not in e for e in found)
    assert len(person.events()[0]) == 1
    second = found[1]
    events.patch(calendarId="primary", eventId=second["id"], body={"summary": "Once different"}).execute()
    events.delete(calendarId="primary", eventId=found[2]["id"]).execute()
    found, _ = person.events(singleEvents=True, orderBy="startTime")
    assert [e["summary"] for e in found] == ["Weekly", "Once different", "Weekly"], found
    assert found[1]["originalStartTime"] == second["originalStartTime"]
    instances = events.instances(calendarId="primary", eventId=master["id"], showDeleted=True).execute()["items"]
    assert sorted(e["status"] for e in instances) == ["cancelled", "confirmed", "confirmed", "confirmed"]


@check
def guests_have_copies_and_answer(google):
    host, guest = Person(google, "host"), Person(google, "guest")
    made = host.add("Together", attendees=[{"email": guest.email}], sendUpdates="all")
    assert made["attendees"][0]["responseStatus"] == "needsAction", made
    copies = [e for e in guest.events()[0] if e["iCalUID"] == made["iCalUID"]]
    assert len(copies) == 1 and copies[0]["organizer"]["email"] == host.email, copies
    assert len(guest.mail("subject:Together")) == 1, "no invitation came"
    attendees = [dict(a, responseStatus="accepted") for a in copies[0]["attendees"]]
    guest.calendar.events().patch(calendarId="primary", eventId=copies[0]["id"], body={"attendees": attendees}).execute()
    seen = host.calendar.events().get(calendarId="primary", eventId=made["id"]).execute()
    assert seen["attendees"][0]["responseStatus"] == "accepted", seen
    quiet = host.add("Quiet", day=2, attendees=[{"email": guest.email}], sendUpdates="none")
    assert guest.mail("subject:Quiet") == []
    host.calendar.events().delete(calendarId="primary", eventId=made["id"], sendUpdates="all").execute()
    assert [e["id"] for e in guest.events()[0]] == [quiet["id"]]


@check
def free_busy_has_errors_per_calendar(google):
    person, stranger = Person(google, "busy"), Person(google, "stranger")
    person.add()
    person.add("Free", hour=14, transparency="transparent")
    ask = {
        "timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-02T00:00:00Z",
        "items": [{"id": person.email}, {"id": stranger.email}, {"id": "nobody@sandbox.test"}],
    }
    found = person.calendar.freebusy().query(body=ask).execute()["calendars"]
    assert found[person.email]["busy"] == [{"start": "2026-12-01T06:00:00Z", "end": "2026-12-01T07:00:00Z"}], found
    assert found["nobody@sandbox.test"]["errors"][0]["reason"] == "notFound", found
    # Colleagues see when one is busy, not with what.
    assert found[stranger.email]["busy"] == [], found
    with refused(404, "notFound"):
        person.events(calendarId=stranger.email)


@check
def calendars_of_ones_own(google):
    person = Person(google, "second")
    made = person.calendar.calendars().insert(body={"summary": "Second", "timeZone": "Asia/Tbilisi"}).execute()
    assert made["id"] in [c["id"] for c in person.calendar.calendarList().list().execute()["items"]]
    person.add("Elsewhere", calendar=made["id"])
    assert person.events()[0] == [] and len(person.events(calendarId=made["id"])[0]) == 1
    person.calendar.calendars().delete(calendarId=made["id"]).execute()
    with refused(404, "notFound"):
        person.events(calendarId=made["id"])


@check
def fields_cut_an_answer_down(google):
    person = Person(google, "fields")
    person.add("Cut")
    page = person.calendar.events().list(calendarId="primary", fields="items(summary,start/dateTime),nextPageToken").execute()
    assert len(page) == 1 and set(page["items"][0]) == {"summary", "start"} and set(page["items"][0]["start"]) == {"dateTime"}, page
    with refused(400):
        person.calendar.events().list(calendarId="primary", fields="items(nonsense)").execute()


@check
def one_person_does_not_see_another(google):
    one, two = Person(google, "one"), Person(google, "two")
    event, mail = one.add("Secret"), one.send(one.email, "Secret", "text")
    file = one.drive.files().create(body={"name": "Secret"}).execute()
    with refused(404, "notFound"):
        two.calendar.events().get(calendarId="primary", eventId=event["id"]).execute()
    with refused(404, "notFound"):
        two.calendar.events().list(calendarId=one.email).execute()
    with refused(404, "notFound"):
        two.message(mail["id"])
    with refused(403):
        two.gmail.users().messages().list(userId=one.email).execute()
    with refused(404, "notFound"):
        two.drive.files().get(fileId=file["id"]).execute()
    assert two.mail() == [] and two.drive.files().list(q="name = 'Secret'").execute()["files"] == []


# Gmail


@check
def mail_arrives_threads_and_is_answered(google):
    anna, boris = Person(google, "anna"), Person(google, "boris")
    sent = anna.send(boris.email, "Звіт", "Готово?", Message_ID="<mine@example.org>")
    assert sent["id"] == sent["threadId"] and "SENT" in sent["labelIds"], sent
    [got] = boris.mail("is:unread")
    got = boris.message(got["id"])
    assert {"INBOX", "UNREAD"} <= set(got["labelIds"]), got
    assert (header(got, "Subject"), header(got, "To")) == ("Звіт", boris.email), got
    assert got["snippet"].startswith("Готово?") and decoded(got["payload"]["body"]["data"]).decode().strip() == "Готово?"
    original = header(got, "Message-ID")
    assert original and original != "<mine@example.org>", "Gmail gives a Message-ID of its own"
    assert original == header(anna.message(sent["id"]), "Message-ID")
    answer = boris.send(anna.email, "Re: Звіт", "Да", thread=got["threadId"], In_Reply_To=original, References=original)
    assert answer["threadId"] == got["threadId"]
    thread = anna.gmail.users().threads().get(userId="me", id=sent["threadId"]).execute()
    assert len(thread["messages"]) == 2, thread
    assert header(thread["messages"][1], "In-Reply-To") == original
    # A subject of its own, or no header of the thread, is a conversation of its own.
    for subject, headers in (("Another", {"In_Reply_To": original, "References": original}), ("Re: Звіт", {})):
        try:
            other = boris.send(anna.email, subject, "x", thread=got["threadId"], **headers)
            assert other["threadId"] != got["threadId"], (subject, other)
        except HttpError as error:
            assert error.resp.status == 400, error
    with refused(404):
        boris.send(anna.email, "Re: Звіт", "x", thread="00000000000000ff")


@check
def mail_is_found_by_what_people_type(google):
    anna, boris = Person(google, "anna"), Person(google, "boris")
    anna.send(boris.email, "Invoice 7", "please pay", Cc="carol@sandbox.test")
    anna.send(boris.email, "Holiday", "see the photos")
    count = lambda q: len(boris.mail(q))
    for query, expected in (
        ("", 2), ("subject:invoice", 1), (f"from:{anna.email}", 2), (f"to:{boris.email} photos", 1), ("is:unread", 2), ("is:read", 0),
        ("in:inbox", 2), ("in:sent", 0), ("-subject:invoice", 1), ("subject:invoice OR subject:holiday", 2), ('"please pay"', 1),
        ("newer_than:1d", 2), ("older_than:1d", 0), ("after:2001/01/01", 2), ("before:2001/01/01", 0), ("has:attachment", 0),
        ("cc:carol@sandbox.test", 1), ("nothinglikeit", 0),
    ):
        assert count(query) == expected, (query, count(query), expected)
    [found] = boris.mail("subject:invoice")
    id = header(boris.message(found["id"]), "Message-ID")
    assert [m["id"] for m in boris.mail(f"rfc822msgid:{id}")] == [found["id"]]
    pages, request = [], boris.gmail.users().messages().list(userId="me", maxResults=1)
    while request is not None:
        page = request.execute()
        pages.append(page)
        request = boris.gmail.users().messages().list_next(request, page)
    assert [len(p.get("messages", [])) for p in pages][:2] == [1, 1]


@check
def attachments_come_whole(google):
    anna, boris = Person(google, "anna"), Person(google, "boris")
    content = random.Random(7).randbytes(70_000)
    message = email.message.EmailMessage()
    message["To"], message["Subject"] = boris.email, "With a file"
    message.set_content("Look")
    message.add_alternative("<p>Look</p>", subtype="html")
    message.add_attachment(content, maintype="application", subtype="pdf", filename="Счёт.pdf")
    media = MediaIoBaseUpload(io.BytesIO(message.as_bytes()), "message/rfc822")
    anna.gmail.users().messages().send(userId="me", body={}, media_body=media).execute()
    [got] = boris.mail("has:attachment filename:pdf")
    whole = boris.message(got["id"])
    parts, queue = [], [whole["payload"]]
    while queue:
        part = queue.pop(0)
        parts.append(part)
        queue += part.get("parts", [])
    [attached] = [p for p in parts if p.get("filename")]
    assert (attached["filename"], attached["mimeType"], attached["body"]["size"]) == ("Счёт.pdf", "application/pdf", len(content))
    id = attached["body"]["attachmentId"]
    found = boris.gmail.users().messages().attachments().get(userId="me", messageId=got["id"], id=id).execute()
    assert decoded(found["data"]) == content
    raw = boris.message(got["id"], format="raw")
    parsed = email.message_from_bytes(decoded(raw["raw"]))
    assert next(p for p in parsed.walk() if p.get_filename()).get_payload(decode=True) == content
    least = boris.message(got["id"], format="minimal")
    assert "payload" not in least and "raw" not in least and least["snippet"]
    meta = boris.message(got["id"], format="metadata", metadataHeaders=["Subject"])
    assert [h["name"] for h in meta["payload"]["headers"]] == ["Subject"], meta


@check
def drafts_live_and_are_sent(google):
    anna, boris = Person(google, "anna"), Person(google, "boris")
    drafts = anna.gmail.users().drafts()
    raw = lambda subject: {"message": {"raw": base64.urlsafe_b64encode(f"To: {boris.email}\r\nSubject: {subject}\r\n\r\nText".encode()).decode()}}
    made = drafts.create(userId="me", body=raw("First")).execute()
    assert "DRAFT" in made["message"]["labelIds"], made
    changed = drafts.update(userId="me", id=made["id"], body=raw("Second")).execute()
    assert changed["id"] == made["id"] and changed["message"]["id"] != made["message"]["id"], changed
    assert [d["id"] for d in drafts.list(userId="me").execute()["drafts"]] == [made["id"]]
    sent = drafts.send(userId="me", body={"id": made["id"]}).execute()
    assert "SENT" in sent["labelIds"] and "DRAFT" not in sent["labelIds"], sent
    with refused(404):
        drafts.get(userId="me", id=made["id"]).execute()
    with refused(404):
        drafts.send(userId="me", body={"id": made["id"]}).execute()
    [got] = boris.mail()
    assert header(boris.message(got["id"]), "Subject") == "Second"


@check
def labels_and_the_profile(google):
    anna = Person(google, "labels", ALL + [SCOPE + "gmail.modify", SCOPE + "gmail.labels"])
    users = anna.gmail.users()
    sent = anna.send(anna.email, "To myself", "x")
    [inbox] = anna.mail("in:inbox")
    users.messages().modify(userId="me", id=inbox["id"], body={"removeLabelIds": ["UNREAD"]}).execute()
    assert anna.mail("is:unread") == []
    labels = {l["id"]: l for l in users.labels().list(userId="me").execute()["labels"]}
    assert {"INBOX", "SENT", "DRAFT", "UNREAD", "TRASH", "SPAM", "STARRED", "IMPORTANT"} <= set(labels), labels
    profile = users.getProfile(userId="me").execute()
    assert profile["emailAddress"] == anna.email and profile["messagesTotal"] >= 1 and isinstance(profile["historyId"], str), profile
    with refused(404):
        anna.message("00000000000000ff")
    users.messages().trash(userId="me", id=sent["id"]).execute()
    assert anna.mail("in:sent") == [] and len(anna.mail("in:trash", includeSpamTrash=True)) == 1


# Drive


@check
def files_are_uploaded_in_each_way(google):
    person = Person(google, "files")
    files = person.drive.files()
    content = random.Random(1).randbytes(600 * 1024)
    for name, resumable, chunk in (("multipart", False, -1), ("resumable", True, 256 * 1024), ("resumable in one", True, -1)):
        media = MediaIoBaseUpload(io.BytesIO(content), "application/octet-stream", chunksize=chunk, resumable=resumable)
        request = files.create(body={"name": name}, media_body=media, fields="id,name,size,mimeType,md5Checksum")
        if chunk > 0:
            made, steps = None, []
            while made is None:
                status, made = request.next_chunk()
                steps.append(status.progress() if status else 1.0)
            assert len(steps) == 3 and steps == sorted(steps), steps
        else:
            made = request.execute()
        assert (made["name"], made["size"], made["mimeType"]) == (name, str(len(content)), "application/octet-stream"), made
        buffer = io.BytesIO()
        download = MediaIoBaseDownload(buffer, files.get_media(fileId=made["id"]), chunksize=256 * 1024)
        done = False
        while not done:
            _, done = download.next_chunk()
        assert buffer.getvalue() == content, name
        newer = MediaIoBaseUpload(io.BytesIO(b"newer"), "text/plain")
        changed = files.update(fileId=made["id"], media_body=newer, fields="size,version").execute()
        assert changed["size"] == "5" and files.get_media(fileId=made["id"]).execute() == b"newer"


@check
def files_are_searched_moved_and_deleted(google):
    person = Person(google, "search")
    files = person.drive.files()
    folder = files.create(body={"name": "Folder", "mimeType": "application/vnd.google-apps.folder"}).execute()
    media = MediaIoBaseUpload(io.BytesIO("слово в тексте".encode()), "text/plain")
    file = files.create(body={"name": "HelloWorld notes", "parents": [folder["id"]]}, media_body=media).execute()
    names = lambda q, **more: [f["name"] for f in files.list(q=q, **more).execute()["files"]]
    assert names(f"'{folder['id']}' in parents") == ["HelloWorld notes"]
    assert names("name contains 'Hello'") == ["HelloWorld notes"] and names("name contains 'World'") == []
    assert names("fullText contains 'слово'") == ["HelloWorld notes"]
    assert names("mimeType = 'application/vnd.google-apps.folder' and not name = 'x'") == ["Folder"]
    assert names("modifiedTime > '2001-01-01T00:00:00' and trashed = false", orderBy="name") == ["Folder", "HelloWorld notes"]
    with refused(400, "invalid"):
        names("name is 'x'")
    with refused(400):
        names("fullText contains 'x'", orderBy="name")
    moved = files.update(fileId=file["id"], addParents="root", removeParents=folder["id"], fields="parents").execute()
    assert moved["parents"] != [folder["id"]] and names(f"'{folder['id']}' in parents") == []
    copy = files.copy(fileId=file["id"], body={"name": "Copy"}, fields="id,name,size").execute()
    assert copy["name"] == "Copy" and copy["id"] != file["id"]
    files.update(fileId=copy["id"], body={"trashed": True}).execute()
    assert names("trashed = true") == ["Copy"] and "Copy" not in names("trashed = false")
    assert files.delete(fileId=copy["id"]).execute() == ""
    with refused(404, "notFound") as missing:
        files.get(fileId=copy["id"]).execute()
    assert f"File not found: {copy['id']}." in missing.text
    with refused(400):
        person.drive.about().get().execute()
    assert person.drive.about().get(fields="user").execute()["user"]["emailAddress"] == person.email


@check
def ids_made_beforehand_count_once(google):
    person = Person(google, "generated")
    files = person.drive.files()
    [one, two] = files.generateIds(count=2).execute()["ids"]
    media = lambda: MediaIoBaseUpload(io.BytesIO(b"x"), "text/plain")
    assert files.create(body={"id": one, "name": "Once"}, media_body=media()).execute()["id"] == one
    with refused(409):
        files.create(body={"id": one, "name": "Twice"}, media_body=media()).execute()
    with refused(400):
        files.create(body={"id": two, "name": "Doc", "mimeType": DOC}).execute()
    with refused(400):
        files.create(body={"id": "made-up", "name": "x"}, media_body=media()).execute()


@check
def files_are_shared(google):
    anna, boris = Person(google, "anna"), Person(google, "boris")
    file = anna.drive.files().create(body={"name": "Shared"}).execute()
    body = {"type": "user", "role": "reader", "emailAddress": boris.email}
    made = anna.drive.permissions().create(fileId=file["id"], body=body).execute()
    assert boris.drive.files().get(fileId=file["id"]).execute()["name"] == "Shared"
    assert boris.drive.files().list(q="sharedWithMe = true").execute()["files"][0]["id"] == file["id"]
    assert len(boris.mail("Shared")) == 1, "sharing writes a mail unless told not to"
    with refused(403):
        boris.drive.files().update(fileId=file["id"], body={"name": "Mine"}).execute()
    anna.drive.permissions().delete(fileId=file["id"], permissionId=made["id"]).execute()
    with refused(404, "notFound"):
        boris.drive.files().get(fileId=file["id"]).execute()


@check
def markdown_becomes_a_document_and_comes_back(google):
    person = Person(google, "markdown")
    text = "# Title\n\nSome **bold** words.\n\n* one\n* two\n"
    media = MediaIoBaseUpload(io.BytesIO(text.encode()), "text/markdown")
    made = person.drive.files().create(body={"name": "Imported", "mimeType": DOC}, media_body=media).execute()
    assert made["mimeType"] == DOC and person.text(made["id"]) == "Title\nSome bold words.\none\ntwo\n"
    document = person.docs.documents().get(documentId=made["id"]).execute()
    first = document["body"]["content"][1]["paragraph"]
    assert first["paragraphStyle"]["namedStyleType"] == "HEADING_1", first
    back = person.drive.files().export(fileId=made["id"], mimeType="text/markdown").execute().decode()
    assert "# Title" in back and "**bold**" in back and "* one" in back.replace("- one", "* one"), back
    plain = person.drive.files().export(fileId=made["id"], mimeType="text/plain").execute()
    assert plain.startswith(b"\xef\xbb\xbf"), plain[:8]
    with refused(403, "fileNotDownloadable"):
        person.drive.files().get_media(fileId=made["id"]).execute()
    blob = person.drive.files().create(body={"name": "b"}, media_body=MediaIoBaseUpload(io.BytesIO(b"x"), "text/plain")).execute()
    with refused(403, "fileNotExportable"):
        person.drive.files().export(fileId=blob["id"], mimeType="text/plain").execute()


# Docs


@check
def positions_of_a_document_are_utf16(google):
    person = Person(google, "docs")
    made = person.docs.documents().create(body={"title": "План"}).execute()
    id = made["documentId"]
    assert made["title"] == "План" and person.text(id) == "\n"
    assert person.drive.files().get(fileId=id).execute()["mimeType"] == DOC
    person.edit(id, {"insertText": {"location": {"index": 1}, "text": "a😀b\nsecond"}})
    content = person.docs.documents().get(documentId=id).execute()["body"]["content"]
    assert "startIndex" not in content[0] and content[0]["endIndex"] == 1 and "sectionBreak" in content[0], content[0]
    assert [(b["startIndex"], b["endIndex"]) for b in content[1:]] == [(1, 6), (6, 13)], content
    with refused(400):  # half of the surrogate pair
        person.edit(id, {"deleteContentRange": {"range": {"startIndex": 2, "endIndex": 3}}})
    person.edit(id, {"deleteContentRange": {"range": {"startIndex": 2, "endIndex": 4}}})
    assert person.text(id) == "ab\nsecond\n"
    with refused(400):  # the last newline
        person.edit(id, {"deleteContentRange": {"range": {"startIndex": 4, "endIndex": 11}}})


@check
def a_batch_of_edits_is_whole_or_nothing(google):
    person = Person(google, "batch")
    id = person.docs.documents().create(body={"title": "Batch"}).execute()["documentId"]
    insert = lambda index, text: {"insertText": {"location": {"index": index}, "text": text}}
    done = person.edit(
        id,
        insert(1, "Hello {{name}}, {{name}}!"),
        {"replaceAllText": {"containsText": {"text": "{{name}}", "matchCase": True}, "replaceText": "Anna"}},
        {"updateTextStyle": {"range": {"startIndex": 1, "endIndex": 6}, "textStyle": {"bold": True}, "fields": "bold"}},
        {"updateParagraphStyle": {"range": {"startIndex": 1, "endIndex": 2}, "paragraphStyle": {"namedStyleType": "HEADING_2"}, "fields": "namedStyleType"}},
        {"insertText": {"endOfSegmentLocation": {}, "text": "\nend"}},
    )
    assert len(done["replies"]) == 5 and done["replies"][1] == {"replaceAllText": {"occurrencesChanged": 2}}, done
    assert done["replies"][0] == {} and done["documentId"] == id, done
    assert person.text(id) == "Hello Anna, Anna!\nend\n"
    document = person.docs.documents().get(documentId=id).execute()
    paragraph = document["body"]["content"][1]["paragraph"]
    assert paragraph["paragraphStyle"]["namedStyleType"] == "HEADING_2"
    assert paragraph["elements"][0]["textRun"] == paragraph["elements"][0]["textRun"] | {"content": "Hello", "textStyle": {"bold": True}}
    with refused(400) as wrong:
        person.edit(id, insert(1, "never"), insert(900, "there"))
    assert "Invalid requests[1].insertText: Index 900 must be less than the end index of the referenced segment" in wrong.text
    assert person.text(id) == "Hello Anna, Anna!\nend\n"
    revision = document["revisionId"]
    person.edit(id, insert(1, "x"), requiredRevisionId=revision)
    with refused(400):
        person.edit(id, insert(1, "y"), requiredRevisionId=revision)
    with refused(400):
        person.edit(id, {"noSuchRequest": {}})
    with refused(404):
        person.text("no-such-document")


# The frame


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


def main():
    target = Google(sys.argv[1])
    target.auth_request = google.auth.transport.requests.Request
    target.RefreshError = google.auth.exceptions.RefreshError
    chosen = [c for c in CHECKS if not sys.argv[2:] or c.__name__ in sys.argv[2:]]
    failed = []
    for function in chosen:
        try:
            function(target)
            print(f"ok      {function.__name__}", flush=True)
        except Exception:
            failed.append(function.__name__)
            print(f"FAILED  {function.__name__}\n{traceback.format_exc()}", flush=True)
    print(f"{len(chosen) - len(failed)} of {len(chosen)} passed")
    sys.exit(1 if failed or not chosen else 0)


if __name__ == "__main__":
    main()
