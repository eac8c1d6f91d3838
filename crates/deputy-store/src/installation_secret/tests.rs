use jiff::Timestamp;

use crate::testing::for_each_database;

#[tokio::test]
async fn the_first_of_a_name_stays() {
    for_each_database(|store| async move {
        assert_eq!(store.installation_secret("a").await.unwrap(), None);
        for value in [b"first", b"later"] {
            let tx = store.begin().await.unwrap();
            tx.installation_secret_add("a", value.to_vec(), Timestamp::UNIX_EPOCH)
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(
            store.installation_secret("a").await.unwrap().as_deref(),
            Some(b"first".as_slice())
        );
    })
    .await;
}
