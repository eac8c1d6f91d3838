use jiff::Timestamp;

use super::{NoteFilter, NoteText};
use crate::testing::{for_each_database, user};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn text(content: &str, category: Option<&str>) -> NoteText {
    NoteText {
        content: content.to_owned(),
        category: category.map(str::to_owned),
        search: content.to_lowercase(),
    }
}

#[tokio::test]
async fn notes_are_their_persons_alone() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        let note = tx.user(alice).insert_note(text("Milk", None), at(1)).await;
        let note = note.unwrap();
        tx.commit().await.unwrap();

        assert_eq!(store.user(bob).note(note.id).await.unwrap(), None);
        let all = NoteFilter::default();
        assert!(store.user(bob).notes(&all, 9).await.unwrap().is_empty());
        let tx = store.begin().await.unwrap();
        let scope = tx.user(bob);
        assert!(
            !scope
                .set_note(note.id, text("x", None), at(2))
                .await
                .unwrap()
        );
        let ticked = scope.set_note_completed(note.id, Some(at(2)), at(2)).await;
        assert!(!ticked.unwrap());
        assert!(!scope.delete_note(note.id).await.unwrap());
        tx.commit().await.unwrap();
        assert_eq!(store.user(alice).note(note.id).await.unwrap(), Some(note));
    })
    .await;
}

#[tokio::test]
async fn notes_are_found_by_what_they_are() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let tx = store.begin().await.unwrap();
        let scope = tx.user(alice);
        let mut ids = Vec::new();
        for (content, category) in [
            ("Купить Молоко", Some("personal")),
            ("100% of_it", Some("work")),
            ("Milk and молоко", None),
        ] {
            ids.push(
                scope
                    .insert_note(text(content, category), at(1))
                    .await
                    .unwrap()
                    .id,
            );
        }
        assert!(
            scope
                .set_note_completed(ids[0], Some(at(5)), at(5))
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();

        let scope = store.user(alice);
        let found = async |filter: NoteFilter| {
            let notes = scope.notes(&filter, 10).await.unwrap();
            notes.into_iter().map(|note| note.id).collect::<Vec<_>>()
        };
        let words = |words: &[&str]| NoteFilter {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            ..NoteFilter::default()
        };
        assert_eq!(found(NoteFilter::default()).await, [ids[2], ids[1], ids[0]]);
        assert_eq!(found(words(&["молоко"])).await, [ids[2], ids[0]]);
        assert_eq!(found(words(&["молоко", "milk"])).await, [ids[2]]);
        // What means something in a pattern means itself here.
        assert_eq!(found(words(&["0%"])).await, [ids[1]]);
        assert_eq!(found(words(&["f_i"])).await, [ids[1]]);
        assert_eq!(found(words(&["m_lk"])).await, Vec::<i64>::new());
        assert_eq!(found(words(&["a\0"])).await, Vec::<i64>::new());
        for (completed, expected) in [(true, vec![ids[0]]), (false, vec![ids[2], ids[1]])] {
            let filter = NoteFilter {
                completed: Some(completed),
                ..NoteFilter::default()
            };
            assert_eq!(found(filter).await, expected);
        }
        let work = NoteFilter {
            category: Some("work".to_owned()),
            ..NoteFilter::default()
        };
        assert_eq!(found(work).await, [ids[1]]);
        let before = NoteFilter {
            before: Some(ids[1]),
            ..NoteFilter::default()
        };
        assert_eq!(found(before).await, [ids[0]]);
        assert_eq!(scope.note_categories().await.unwrap(), ["personal", "work"]);
        assert_eq!(scope.count_notes().await.unwrap(), 3);
        let ticked = scope.note(ids[0]).await.unwrap().unwrap();
        assert_eq!(ticked.completed_at, Some(at(5)));
    })
    .await;
}
