//! The people of the emulated Google. Whoever signs in exists from then on.

use deputy_core::Rng;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::world::{Document, Tx};

/// A person with a calendar, a mailbox and a drive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    /// Google's number for the person (`sub`, `id` of userinfo): 21 digits.
    pub(crate) number: String,
    pub(crate) name: String,
    /// IANA name; what the primary calendar starts with.
    pub(crate) time_zone: String,
    pub(crate) created: Timestamp,
}

impl Document for Account {
    const KIND: &'static str = "account";
}

/// The address in the form that accounts are kept under, or `None` if it is no address.
pub(crate) fn normalized(email: &str) -> Option<String> {
    let email = email.trim().to_lowercase();
    let (local, domain) = email.split_once('@')?;
    let plain =
        |s: &str| !s.is_empty() && s.chars().all(|c| c.is_alphanumeric() || "._-+".contains(c));
    (email.len() <= 254 && plain(local) && plain(domain)).then_some(email)
}

/// The account of this address; made, with everything an account has, if it is new.
pub(crate) fn ensure(tx: &mut Tx<'_>, email: &str) -> Account {
    if let Some(account) = tx.get::<Account>(email, "") {
        return Account::clone(&account);
    }
    let local = email.split('@').next().unwrap_or(email);
    let mut name: String = local.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let account = Account {
        number: format!("1{}", digits(tx.rng(), 20)),
        name,
        time_zone: "UTC".to_owned(),
        created: tx.now(),
    };
    tx.put(email, "", account.clone());
    for service in super::SERVICES {
        (service.provision)(tx, email);
    }
    account
}

/// Whether somebody has this address here.
pub(crate) fn exists(tx: &Tx<'_>, email: &str) -> bool {
    tx.get::<Account>(email, "").is_some()
}

fn digits(rng: &dyn Rng, length: usize) -> String {
    let mut bytes = vec![0; length];
    rng.fill(&mut bytes);
    bytes.iter().map(|b| char::from(b'0' + b % 10)).collect()
}
