"""Gmail as Google's client finds it."""
import base64
import email
import email.message
import io
import random

from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

from google_checks import Person, check, decoded, header, refused
from google_people import ALL, SCOPE


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
