use crate::testing::{for_each_database, user};

fn hashes(from: u8, to: u8) -> Vec<String> {
    (from..to).map(|n| format!("{n:064}")).collect()
}

#[tokio::test]
async fn each_code_works_once_and_a_new_set_replaces_the_old() {
    for_each_database(|store| async move {
        let (anna, ivan) = (user(&store, "anna").await, user(&store, "ivan").await);
        let tx = store.begin().await.unwrap();
        tx.user(anna)
            .replace_recovery_codes(hashes(0, 10))
            .await
            .unwrap();
        tx.user(ivan)
            .replace_recovery_codes(hashes(5, 15))
            .await
            .unwrap();
        let third = &hashes(3, 4)[0];
        assert!(!tx.user(ivan).take_recovery_code(third).await.unwrap());
        assert!(tx.user(anna).take_recovery_code(third).await.unwrap());
        assert!(!tx.user(anna).take_recovery_code(third).await.unwrap());
        tx.commit().await.unwrap();
        let left = async |who| store.user(who).count_recovery_codes().await.unwrap();
        assert_eq!((left(anna).await, left(ivan).await), (9, 10));

        let tx = store.begin().await.unwrap();
        tx.user(anna)
            .replace_recovery_codes(hashes(20, 30))
            .await
            .unwrap();
        assert!(
            !tx.user(anna)
                .take_recovery_code(&hashes(4, 5)[0])
                .await
                .unwrap()
        );
        tx.user(ivan)
            .replace_recovery_codes(Vec::new())
            .await
            .unwrap();
        tx.commit().await.unwrap();
        assert_eq!((left(anna).await, left(ivan).await), (10, 0));
    })
    .await;
}

#[tokio::test]
async fn of_many_with_one_code_one_gets_in() {
    for_each_database(|store| async move {
        let anna = user(&store, "anna").await;
        let tx = store.begin().await.unwrap();
        tx.user(anna)
            .replace_recovery_codes(hashes(0, 10))
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let store = store.clone();
            tasks.spawn(async move {
                let tx = store.begin().await.unwrap();
                let taken = tx.user(anna).take_recovery_code(&hashes(0, 1)[0]).await;
                tx.commit().await.unwrap();
                taken.unwrap()
            });
        }
        let mut taken = 0;
        while let Some(done) = tasks.join_next().await {
            taken += usize::from(done.unwrap());
        }
        assert_eq!(taken, 1);
    })
    .await;
}
