use jiff::Timestamp;

use super::{TaskFilter, TaskState};
use crate::testing::{for_each_database, user};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn state(title: &str, due: Option<i64>) -> TaskState {
    TaskState {
        title: title.to_owned(),
        description: String::new(),
        priority: "medium".to_owned(),
        status: "pending".to_owned(),
        due: due.map(|at| at.to_string()),
        due_at: due.map(at),
        completed_at: None,
        search: title.to_lowercase(),
    }
}

#[tokio::test]
async fn tasks_are_their_persons_alone() {
    for_each_database(|store| async move {
        let (alice, bob) = (user(&store, "alice").await, user(&store, "bob").await);
        let tx = store.begin().await.unwrap();
        let task = tx.user(alice).insert_task(state("Call", None), at(1)).await;
        let task = task.unwrap();
        let scope = tx.user(bob);
        assert_eq!(scope.task(task.id).await.unwrap(), None);
        assert_eq!(scope.task_to_change(task.id).await.unwrap(), None);
        assert!(
            !scope
                .set_task(task.id, state("x", None), at(2))
                .await
                .unwrap()
        );
        assert!(!scope.delete_task(task.id).await.unwrap());
        let all = TaskFilter::default();
        assert!(scope.tasks(&all, 9).await.unwrap().is_empty());
        tx.commit().await.unwrap();
        assert_eq!(store.user(alice).task(task.id).await.unwrap(), Some(task));
    })
    .await;
}

#[tokio::test]
async fn what_is_due_first_comes_first_and_every_page_goes_on_from_the_last() {
    for_each_database(|store| async move {
        let alice = user(&store, "alice").await;
        let tx = store.begin().await.unwrap();
        let scope = tx.user(alice);
        let due = [None, Some(50), Some(20), None, Some(20), Some(-5)];
        let mut ids = Vec::new();
        for (place, due) in due.into_iter().enumerate() {
            let task = scope
                .insert_task(state(&format!("Task {place}"), due), at(1))
                .await;
            ids.push(task.unwrap().id);
        }
        tx.commit().await.unwrap();
        let expected = [ids[5], ids[2], ids[4], ids[1], ids[0], ids[3]];
        let scope = store.user(alice);
        for size in 1..=7 {
            let mut found = Vec::new();
            let mut filter = TaskFilter::default();
            loop {
                let page = scope.tasks(&filter, size).await.unwrap();
                let Some(last) = page.last() else {
                    break;
                };
                filter.after = Some(last.place());
                found.extend(page.iter().map(|task| task.id));
            }
            assert_eq!(found, expected, "pages of {size}");
        }
        let soon = TaskFilter {
            due_before: Some(at(21)),
            words: vec!["task".to_owned()],
            ..TaskFilter::default()
        };
        assert_eq!(scope.tasks(&soon, 9).await.unwrap().len(), 3);
        let done = TaskFilter {
            statuses: vec!["done".to_owned(), "cancelled".to_owned()],
            ..TaskFilter::default()
        };
        assert!(scope.tasks(&done, 9).await.unwrap().is_empty());
    })
    .await;
}
