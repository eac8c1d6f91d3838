use super::{ListTasks, NewTask, Priority, TaskChange, TaskStatus};
use crate::Error;
use crate::testing::each;

fn task(title: &str, due: Option<&str>) -> NewTask {
    NewTask {
        title: title.to_owned(),
        due_date: due.map(str::to_owned),
        ..NewTask::default()
    }
}

#[tokio::test]
async fn a_task_goes_its_way() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        let made = space
            .create_task(alice, task("Call Bob", Some("2026-11-21")))
            .await
            .unwrap();
        assert_eq!(
            (made.priority, made.status),
            (Priority::Medium, TaskStatus::Pending)
        );
        assert!(made.overdue, "it is the 22nd");
        let done = TaskChange {
            status: Some(TaskStatus::Done),
            ..TaskChange::default()
        };
        let over = space
            .update_task(alice, made.id, done.clone())
            .await
            .unwrap();
        assert!(!over.overdue && over.completed_at.is_some());
        // Said again, it was done when it was done.
        let again = space.update_task(alice, made.id, done).await.unwrap();
        assert_eq!(again.completed_at, over.completed_at);
        let change = TaskChange {
            title: Some("Write to Bob".to_owned()),
            description: Some("About *it*".to_owned()),
            priority: Some(Priority::Urgent),
            status: Some(TaskStatus::InProgress),
            due_date: Some(String::new()),
        };
        let open = space.update_task(alice, made.id, change).await.unwrap();
        assert_eq!(
            (open.completed_at.clone(), open.due_date.clone()),
            (None, None)
        );
        assert_eq!(open.priority, Priority::Urgent);
        assert_eq!(space.task(alice.user, made.id).await.unwrap(), open);
        space.delete_task(alice, made.id).await.unwrap();
        let gone = space.delete_task(alice, made.id).await;
        assert!(matches!(gone, Err(Error::NotFound(_))), "{gone:?}");
    })
    .await;
}

#[tokio::test]
async fn a_stranger_finds_no_task_and_changes_none() {
    each(|place| async move {
        let (space, eve) = (&place.workspace, &place.eve);
        let made = space
            .create_task(&place.alice, task("Secret", None))
            .await
            .unwrap();
        let change = TaskChange {
            status: Some(TaskStatus::Done),
            ..TaskChange::default()
        };
        for refused in [
            space.task(eve.user, made.id).await.err(),
            space.update_task(eve, made.id, change).await.err(),
            space.delete_task(eve, made.id).await.err(),
        ] {
            let error = refused.expect("refused");
            assert_eq!(error.to_string(), format!("there is no task {}", made.id));
        }
        let all = space.tasks(eve.user, &ListTasks::default()).await.unwrap();
        assert_eq!(all.tasks, []);
        assert_eq!(space.task(place.alice.user, made.id).await.unwrap(), made);
    })
    .await;
}

#[tokio::test]
async fn tasks_are_listed_by_what_they_are() {
    each(|place| async move {
        let (space, alice) = (&place.workspace, &place.alice);
        let mut ids = Vec::new();
        for (title, due) in [
            ("Some day", None),
            ("Next week", Some("2026-11-30")),
            ("At three", Some("2026-11-22T15:00:00+02:00")),
        ] {
            ids.push(space.create_task(alice, task(title, due)).await.unwrap().id);
        }
        let cancel = TaskChange {
            status: Some(TaskStatus::Cancelled),
            ..TaskChange::default()
        };
        space.update_task(alice, ids[1], cancel).await.unwrap();
        let found = async |which: ListTasks| {
            let found = space.tasks(alice.user, &which).await.unwrap().tasks;
            found.into_iter().map(|task| task.id).collect::<Vec<_>>()
        };
        assert_eq!(found(ListTasks::default()).await, [ids[2], ids[1], ids[0]]);
        let open = |open| ListTasks {
            open: Some(open),
            ..ListTasks::default()
        };
        assert_eq!(found(open(true)).await, [ids[2], ids[0]]);
        assert_eq!(found(open(false)).await, [ids[1]]);
        let soon = ListTasks {
            due_before: Some("2026-11-22T13:00:01Z".to_owned()),
            ..ListTasks::default()
        };
        assert_eq!(found(soon).await, [ids[2]]);
        let never = ListTasks {
            status: Some(TaskStatus::Done),
            open: Some(true),
            ..ListTasks::default()
        };
        assert!(space.tasks(alice.user, &never).await.is_err());
    })
    .await;
}
