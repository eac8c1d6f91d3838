"""Drive and Docs as Google's client finds them."""
import io
import random

from googleapiclient.http import MediaIoBaseDownload, MediaIoBaseUpload

from google_checks import DOC, Person, check, refused


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
