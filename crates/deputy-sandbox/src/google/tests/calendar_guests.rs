//! Guests: copies, answers, and who may change what.

use serde_json::{Value, json};

use super::calendar::{EVENTS, at, ids, insert, timed};
use super::client::{Person, Sandbox, reason};

fn meeting(guests: &[&str]) -> Value {
    let mut body = timed("plan", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z");
    body["attendees"] = guests.iter().map(|email| json!({"email": email})).collect();
    body
}

fn response<'e>(event: &'e Value, email: &str) -> &'e str {
    let attendees = event["attendees"].as_array().unwrap();
    attendees.iter().find(|a| a["email"] == email).unwrap()["responseStatus"]
        .as_str()
        .unwrap()
}

async fn two(sandbox: &Sandbox) -> (Person<'_>, Person<'_>) {
    (
        sandbox.calendar_person("demo@sandbox.test").await,
        sandbox.calendar_person("guest@sandbox.test").await,
    )
}

#[tokio::test]
async fn a_guest_has_a_copy_and_answers() {
    let sandbox = Sandbox::start().await;
    let (demo, guest) = two(&sandbox).await;
    let event = insert(&demo, meeting(&["guest@sandbox.test", "else@where.org"])).await;
    let (status, copy) = guest.get(&at(&event)).await;
    assert_eq!((status, &copy["iCalUID"]), (200, &event["iCalUID"]));
    assert_eq!(copy["organizer"], json!({"email": "demo@sandbox.test"}));
    assert_eq!(
        copy["attendees"][0],
        json!({"email": "guest@sandbox.test", "responseStatus": "needsAction", "self": true})
    );

    let accept = json!({"attendees": [{"email": "guest@sandbox.test", "responseStatus": "accepted", "comment": "yes"}]});
    let (status, answered) = guest.patch(&at(&event), accept).await;
    assert_eq!(
        (status, response(&answered, "guest@sandbox.test")),
        (200, "accepted")
    );
    let (_, original) = demo.get(&at(&event)).await;
    assert_eq!(
        (
            response(&original, "guest@sandbox.test"),
            response(&original, "else@where.org")
        ),
        ("accepted", "needsAction")
    );

    // The organizer's change keeps the answer and what is the guest's own.
    let (status, _) = guest
        .patch(
            &at(&event),
            json!({"reminders": {"useDefault": false}, "colorId": "5"}),
        )
        .await;
    assert_eq!(status, 200);
    demo.patch(&at(&event), json!({"location": "Room 2"})).await;
    let (_, copy) = guest.get(&at(&event)).await;
    assert_eq!(
        (
            &copy["location"],
            &copy["colorId"],
            response(&copy, "guest@sandbox.test")
        ),
        (&json!("Room 2"), &json!("5"), "accepted")
    );
    assert!(demo.get(&at(&event)).await.1.get("colorId").is_none());

    let (status, body) = guest.patch(&at(&event), json!({"summary": "mine"})).await;
    assert_eq!((status, reason(&body)), (403, "forbiddenForNonOrganizer"));
    // What was read may be written back.
    assert_eq!(guest.put(&at(&event), copy).await.0, 200);
}

#[tokio::test]
async fn leaving_declines_and_uninviting_cancels() {
    let sandbox = Sandbox::start().await;
    let (demo, guest) = two(&sandbox).await;
    let event = insert(&demo, meeting(&["guest@sandbox.test"])).await;
    assert_eq!(guest.delete(&at(&event)).await.0, 204);
    assert_eq!(guest.delete(&at(&event)).await.0, 410);
    assert_eq!(
        response(&demo.get(&at(&event)).await.1, "guest@sandbox.test"),
        "declined"
    );
    demo.patch(&at(&event), json!({"summary": "again"})).await;
    assert_eq!(
        guest.get(&at(&event)).await.1["status"],
        "cancelled",
        "a change doesn't bring it back"
    );

    let other = insert(&demo, meeting(&["guest@sandbox.test"])).await;
    demo.patch(&at(&other), json!({"attendees": []})).await;
    assert_eq!(guest.get(&at(&other)).await.1["status"], "cancelled");
    demo.patch(
        &at(&other),
        json!({"attendees": [{"email": "guest@sandbox.test"}]}),
    )
    .await;
    assert_eq!(guest.get(&at(&other)).await.1["status"], "confirmed");
    demo.delete(&at(&other)).await;
    assert_eq!(guest.get(&at(&other)).await.1["status"], "cancelled");
    assert!(ids(&guest.get(EVENTS).await.1).is_empty());
}

#[tokio::test]
async fn one_occurrence_can_be_declined() {
    let sandbox = Sandbox::start().await;
    let (demo, guest) = two(&sandbox).await;
    let event = insert(&demo, json!({
        "summary": "weekly", "attendees": [{"email": "guest@sandbox.test"}],
        "start": {"dateTime": "2026-12-01T10:00:00Z", "timeZone": "UTC"}, "end": {"dateTime": "2026-12-01T11:00:00Z", "timeZone": "UTC"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    })).await;
    let list = format!("{EVENTS}?singleEvents=true&orderBy=startTime");
    assert_eq!(ids(&guest.get(&list).await.1).len(), 3);
    let second = format!("{}_20261208T100000Z", at(&event));
    let decline =
        json!({"attendees": [{"email": "guest@sandbox.test", "responseStatus": "declined"}]});
    let (status, body) = guest.patch(&second, decline).await;
    assert_eq!(
        (status, response(&body, "guest@sandbox.test")),
        (200, "declined")
    );
    let (_, here) = demo.get(&list).await;
    let answers: Vec<_> = here["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| response(e, "guest@sandbox.test"))
        .collect();
    assert_eq!(answers, ["needsAction", "declined", "needsAction"]);
    // The organizer cancels the last one.
    demo.delete(&format!("{}_20261215T100000Z", at(&event)))
        .await;
    assert_eq!(ids(&guest.get(&list).await.1).len(), 2);
}

#[tokio::test]
async fn ids_of_two_people_may_be_the_same() {
    let sandbox = Sandbox::start().await;
    let (demo, guest) = two(&sandbox).await;
    let mut own = timed("own", "2026-12-05T10:00:00Z", "2026-12-05T11:00:00Z");
    own["id"] = json!("samesame1");
    insert(&guest, own).await;
    let mut invitation = meeting(&["guest@sandbox.test"]);
    invitation["id"] = json!("samesame1");
    insert(&demo, invitation).await;
    let (_, all) = guest.get(EVENTS).await;
    let mut names = super::calendar::summaries(&all);
    names.sort_unstable();
    assert_eq!(names, ["own", "plan"]);
    assert_eq!(
        guest.get(&format!("{EVENTS}/samesame1")).await.1["summary"],
        "own"
    );
}

#[tokio::test]
async fn mail_is_sent_when_asked_for() {
    let sandbox = Sandbox::start().await;
    let (demo, _) = two(&sandbox).await;
    let reader = sandbox
        .person(
            "guest@sandbox.test",
            &["https://www.googleapis.com/auth/gmail.readonly"],
        )
        .await;
    let organizer = sandbox
        .person(
            "demo@sandbox.test",
            &["https://www.googleapis.com/auth/gmail.readonly"],
        )
        .await;
    let subjects = async |reader: &Person<'_>| {
        let (_, list) = reader
            .get("gmail/v1/users/me/messages?labelIds=INBOX")
            .await;
        let mut subjects = Vec::new();
        for message in list["messages"].as_array().unwrap_or(&Vec::new()) {
            let path = format!(
                "gmail/v1/users/me/messages/{}?format=metadata&metadataHeaders=Subject",
                message["id"].as_str().unwrap()
            );
            let (_, message) = reader.get(&path).await;
            subjects.push(
                message["payload"]["headers"][0]["value"]
                    .as_str()
                    .unwrap()
                    .to_owned(),
            );
        }
        subjects
    };
    let silent = insert(&demo, meeting(&["guest@sandbox.test"])).await;
    assert!(
        subjects(&reader).await.is_empty(),
        "Google's default is no mail"
    );
    assert_eq!(
        demo.delete(&format!("{}?sendUpdates=none", at(&silent)))
            .await
            .0,
        204
    );

    let (status, event) = demo
        .post(
            &format!("{EVENTS}?sendUpdates=all"),
            meeting(&["guest@sandbox.test"]),
        )
        .await;
    assert_eq!(status, 200);
    let got = subjects(&reader).await;
    assert_eq!(got.len(), 1);
    assert!(
        got[0].starts_with("Invitation: plan @ Tue Dec 1, 2026 10:00"),
        "{got:?}"
    );
    demo.patch(
        &format!("{}?sendUpdates=externalOnly", at(&event)),
        json!({"summary": "x"}),
    )
    .await;
    assert_eq!(subjects(&reader).await.len(), 1);
    demo.patch(
        &format!("{}?sendUpdates=all", at(&event)),
        json!({"summary": "план"}),
    )
    .await;
    let guest = sandbox.calendar_person("guest@sandbox.test").await;
    let accept =
        json!({"attendees": [{"email": "guest@sandbox.test", "responseStatus": "accepted"}]});
    guest
        .patch(&format!("{}?sendUpdates=all", at(&event)), accept)
        .await;
    demo.delete(&format!("{}?sendUpdates=all", at(&event)))
        .await;
    let got = subjects(&reader).await;
    assert!(
        got.iter()
            .any(|s| s.starts_with("Updated invitation: план")),
        "{got:?}"
    );
    assert!(
        got.iter().any(|s| s.starts_with("Canceled event: план")),
        "{got:?}"
    );
    assert!(subjects(&organizer).await[0].starts_with("Accepted: план"));
    let (status, body) = demo
        .post(&format!("{EVENTS}?sendUpdates=some"), meeting(&[]))
        .await;
    assert_eq!((status, reason(&body)), (400, "invalidParameter"));
}
