"""Calendar as Google's client finds it."""
import datetime
import secrets

from googleapiclient.errors import HttpError

from google_checks import Person, check, conditional, refused


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
