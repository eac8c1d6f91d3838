"""What the checks of an emulated Google act with."""
import base64
import email.message
import secrets

from googleapiclient.errors import HttpError

from google_people import ALL

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
