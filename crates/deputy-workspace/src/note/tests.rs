use std::sync::atomic::Ordering;

use super::{ListNotes, NewNote, NoteChange};
use crate::testing::{calling, each};
use crate::{Error, MAX_TEXT};

fn note(content: &str, category: Option<&str>) -> NewNote {
    NewNote {
        content: content.to_owned(),
        category: category.map(str::to_owned),
    }
}

#[tokio::test]
async fn a_note_is_made_changed_ticked_off_and_deleted_each_on_record() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        let made = space
            .create_note(alice, note("  Milk\r\nand bread \n", Some(" personal ")))
            .await;
        let made = made.unwrap();
        assert_eq!(made.content, "  Milk\nand bread");
        assert_eq!(made.category.as_deref(), Some("personal"));
        assert!(!made.completed);
        let change = NoteChange {
            completed: Some(true),
            category: Some(String::new()),
            ..NoteChange::default()
        };
        let ticked = space.update_note(alice, made.id, change).await.unwrap();
        assert!(ticked.completed && ticked.category.is_none());
        assert_eq!(ticked.content, made.content);
        assert_eq!(space.note(alice.user, made.id).await.unwrap(), ticked);
        assert_eq!(space.delete_note(alice, made.id).await.unwrap(), made.id);
        assert!(matches!(
            space.note(alice.user, made.id).await,
            Err(Error::NotFound(_))
        ));
        let id = made.id;
        assert_eq!(
            place.on_record(),
            [
                format!("note.change {id} created"),
                format!("note.change {id} changed"),
                format!("note.change {id} deleted"),
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_stranger_finds_no_note_and_changes_none() {
    each(|place| async move {
        let (space, eve) = (&place.workspace, &place.eve);
        let made = space
            .create_note(&place.alice, note("Secret", None))
            .await
            .unwrap();
        let change = NoteChange {
            content: Some("mine".to_owned()),
            ..NoteChange::default()
        };
        for refused in [
            space.note(eve.user, made.id).await.err(),
            space.update_note(eve, made.id, change).await.err(),
            space.delete_note(eve, made.id).await.err(),
        ] {
            let error = refused.expect("refused");
            assert_eq!(error.to_string(), format!("there is no note {}", made.id));
        }
        let all = space.notes(eve.user, &ListNotes::default()).await.unwrap();
        assert_eq!(all.notes, []);
        assert_eq!(space.note(place.alice.user, made.id).await.unwrap(), made);
        assert_eq!(place.on_record().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn notes_are_found_whatever_case_they_are_written_in_page_by_page() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        for content in ["Купить МОЛОКО", "Їжак і молоко", "Straße", "Milk"]
        {
            space
                .create_note(alice, note(content, Some("idea")))
                .await
                .unwrap();
        }
        let find = async |query: &str| {
            let which = ListNotes {
                query: Some(query.to_owned()),
                ..ListNotes::default()
            };
            let found = space.notes(alice.user, &which).await.unwrap().notes;
            found
                .into_iter()
                .map(|note| note.content)
                .collect::<Vec<_>>()
        };
        assert_eq!(find("Молоко").await, ["Їжак і молоко", "Купить МОЛОКО"]);
        assert_eq!(find("їЖАК").await, ["Їжак і молоко"]);
        assert_eq!(find("STRAß").await, ["Straße"]);
        assert_eq!(find("ＭＩＬＫ").await, ["Milk"]);
        assert_eq!(find("idea milk").await, ["Milk"]);

        let (mut found, mut token) = (Vec::new(), None);
        loop {
            let which = ListNotes {
                max_results: Some(3),
                page_token: token,
                ..ListNotes::default()
            };
            let page = space.notes(alice.user, &which).await.unwrap();
            found.extend(page.notes.into_iter().map(|note| note.content));
            token = page.next_page_token;
            if token.is_none() {
                break;
            }
        }
        assert_eq!(found, ["Milk", "Straße", "Їжак і молоко", "Купить МОЛОКО"]);
    })
    .await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name_and_changes_nothing() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        let long = "я".repeat(MAX_TEXT + 1);
        for (new, pointer) in [
            (note(" \n", None), "/content"),
            (note("a\0b", None), "/content"),
            (note("a\u{1b}[2J", None), "/content"),
            (note(&long, None), "/content"),
            (note("a", Some("two\nlines")), "/category"),
            (note("a", Some(&"k".repeat(51))), "/category"),
        ] {
            let done = space.create_note(alice, new).await;
            let Err(Error::Invalid { pointer: at, .. }) = done else {
                panic!("{pointer}: {done:?}");
            };
            assert_eq!(at, pointer);
        }
        let pages = [
            (Some(0), None),
            (Some(251), None),
            (None, Some("x")),
            (None, Some("1.2")),
        ];
        for (max_results, page_token) in pages {
            let which = ListNotes {
                max_results,
                page_token: page_token.map(str::to_owned),
                ..ListNotes::default()
            };
            let done = space.notes(alice.user, &which).await;
            assert!(matches!(done, Err(Error::Invalid { .. })), "{done:?}");
        }
        space
            .create_note(alice, note(&long[2..], None))
            .await
            .unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_same_call_changes_something_once() {
    each(|place| async move {
        let (space, call) = (&place.workspace, calling(&place.alice));
        let first = space.create_note(&call, note("Milk", None)).await.unwrap();
        let again = space.create_note(&call, note("Milk", None)).await.unwrap();
        assert_eq!(first, again);
        let all = space.notes(call.user, &ListNotes::default()).await.unwrap();
        assert_eq!(all.notes.len(), 1);
        assert_eq!(place.on_record().len(), 1);
        // Somebody else's call of that id is another call.
        let stranger = crate::Actor {
            call: call.call,
            ..place.eve.clone()
        };
        let theirs = space
            .create_note(&stranger, note("Bread", None))
            .await
            .unwrap();
        assert_eq!(theirs.content, "Bread");
    })
    .await;
}

#[tokio::test]
async fn what_can_not_be_put_on_record_is_not_done() {
    each(|place| async move {
        let (space, call) = (&place.workspace, calling(&place.alice));
        place.records.fails.store(true, Ordering::SeqCst);
        let done = space.create_note(&call, note("Milk", None)).await;
        assert!(matches!(done, Err(Error::Record)), "{done:?}");
        let all = space.notes(call.user, &ListNotes::default()).await.unwrap();
        assert_eq!(all.notes, []);
        place.records.fails.store(false, Ordering::SeqCst);
        space.create_note(&call, note("Milk", None)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn of_two_changes_at_once_none_is_lost() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        for round in 0..10 {
            let made = space.create_note(alice, note("Milk", None)).await.unwrap();
            let text = NoteChange {
                content: Some(format!("Bread {round}")),
                ..NoteChange::default()
            };
            let filed = NoteChange {
                category: Some("food".to_owned()),
                ..NoteChange::default()
            };
            let (one, other) = tokio::join!(
                space.update_note(alice, made.id, text),
                space.update_note(alice, made.id, filed)
            );
            one.unwrap();
            other.unwrap();
            let after = space.note(alice.user, made.id).await.unwrap();
            assert_eq!(after.content, format!("Bread {round}"));
            assert_eq!(after.category.as_deref(), Some("food"));
        }
    })
    .await;
}
