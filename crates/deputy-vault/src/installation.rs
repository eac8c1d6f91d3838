//! Keys of the installation itself: made by whichever replica needs one first, kept sealed.

use deputy_core::{Secret, random};

use crate::{Error, Place, Vault};

impl Vault {
    /// The 32-byte key of this name, made where there is none. What it is for is in the name, e.g.
    /// `audit-hmac`; one key has one use.
    pub async fn installation_key(&self, name: &str) -> Result<Secret<Vec<u8>>, Error> {
        let place = Place::of_installation("installation_secrets", name, "sealed", "key");
        let store = &self.inner.store;
        if let Some(sealed) = store.installation_secret(name).await? {
            return self.open(&place, &sealed).await;
        }
        let fresh: [u8; 32] = random::bytes(&*self.inner.rng);
        let sealed = self.seal(&place, &fresh).await?;
        let tx = store.begin().await?;
        tx.installation_secret_add(name, sealed, self.inner.clock.now())
            .await?;
        tx.commit().await?;
        // Another replica may have been first: theirs counts.
        let sealed = store
            .installation_secret(name)
            .await?
            .ok_or(Error::NoDataKey)?;
        self.open(&place, &sealed).await
    }
}
