use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use deputy_core::Clock as _;
use deputy_store::testing::for_each_database;
use serde_json::json;
use url::Url;

use super::*;
use crate::session::Rows;
use crate::tests::World;
use crate::{Browser, Proof};

const ORIGIN: &str = "https://deputy.example";

/// An authenticator that keeps one key, in the forms of WebAuthn sections 6 and 8.7 (no attestation).
struct Device {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    handle: Option<String>,
    count: u32,
    verifies: bool,
    origin: &'static str,
}

fn sha256(data: &[u8]) -> Vec<u8> {
    aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, data)
        .as_ref()
        .to_vec()
}

fn b64(data: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

impl Device {
    fn new(id: u8) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Self {
            key,
            id: vec![id; 16],
            handle: None,
            count: 0,
            verifies: true,
            origin: ORIGIN,
        }
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let challenge = &options["publicKey"]["challenge"];
        let data = json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false });
        data.to_string().into_bytes()
    }

    /// Authenticator data without what is only there for a new key.
    fn data(&self, host: &str, flags: u8) -> Vec<u8> {
        let mut data = sha256(host.as_bytes());
        let verified = if self.verifies { 0x04 } else { 0 };
        data.push(0x01 | verified | flags);
        data.extend(self.count.to_be_bytes());
        data
    }

    /// The answer to `navigator.credentials.create`.
    fn make(&mut self, options: &Value) -> String {
        self.handle = options["publicKey"]["user"]["id"]
            .as_str()
            .map(str::to_owned);
        let mut data = self.data("deputy.example", 0x40);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend(&self.id);
        // COSE_Key in CBOR: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
        let point = self.key.public_key().as_ref();
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..]);
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let mut object = vec![0xa3, 0x63];
        object.extend(b"fmt");
        object.push(0x64);
        object.extend(b"none");
        object.push(0x67);
        object.extend(b"attStmt");
        object.extend([0xa0, 0x68]);
        object.extend(b"authData");
        object.push(0x58);
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let client = self.client_data("webauthn.create", options);
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key",
            "response": { "attestationObject": b64(object), "clientDataJSON": b64(client) },
        })
        .to_string()
    }

    /// The answer to `navigator.credentials.get`.
    fn answer(&mut self, options: &Value) -> String {
        self.count += 1;
        let data = self.data("deputy.example", 0);
        let client = self.client_data("webauthn.get", options);
        let mut signed = data.clone();
        signed.extend(sha256(&client));
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": b64(&self.id), "rawId": b64(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": b64(data), "clientDataJSON": b64(client),
                "signature": b64(signature), "userHandle": self.handle,
            },
        })
        .to_string()
    }
}

fn world(store: deputy_store::Store) -> World {
    World::with(store, |config| {
        config.public_url = Some(Url::parse(ORIGIN).unwrap());
    })
}

/// A browser in which this person is signed in, or nobody.
async fn browser(world: &World, user: Option<&User>) -> Session {
    let rows = Rows {
        identity: world.identity.clone(),
    };
    let session = Session::new(None, std::sync::Arc::new(rows), None);
    if let Some(user) = user {
        world
            .identity
            .start_session(&session, user, Browser::default(), Proof::Password)
            .await
            .unwrap();
    }
    session
}

/// Adds the device as a passkey of this person.
async fn add(world: &World, session: &Session, user: &User, device: &mut Device) {
    let identity = &world.identity;
    let options = identity.begin_passkey(session, user).await.unwrap();
    let made = device.make(&options);
    identity
        .finish_passkey(session, user.id, "Phone", &made)
        .await
        .unwrap();
}

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

fn refused<T>(result: &Result<T, FactorError>) -> bool {
    matches!(result, Err(FactorError::Refused))
}

#[tokio::test]
async fn a_passkey_is_a_second_step_and_signs_in_alone() {
    for_each_database(|store| async move {
        let world = world(store);
        let identity = &world.identity;
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        let session = browser(&world, Some(&anna)).await;
        let mut phone = Device::new(1);
        add(&world, &session, &anna, &mut phone).await;
        assert!(identity.has_second_factor(anna.id).await.unwrap());
        let has = identity.second_factors(anna.id).await.unwrap();
        assert_eq!(
            (has.passkeys[0].name.as_str(), has.recovery_left),
            ("Phone", 10)
        );
        // The same key for somebody else, and twice.
        let his = browser(&world, Some(&ivan)).await;
        let options = identity.begin_passkey(&his, &ivan).await.unwrap();
        let made = phone.make(&options);
        let taken = identity.finish_passkey(&his, ivan.id, "Phone", &made).await;
        assert!(refused(&taken.map(|_| ())));
        let options = identity.begin_passkey(&session, &anna).await.unwrap();
        phone.make(&options);

        let ask = async || {
            let asked = identity.begin_passkey_step(&session, anna.id, Step::SignIn);
            asked.await.unwrap()
        };
        let finish = async |answer: &str| {
            let step = Step::SignIn;
            identity
                .finish_passkey_step(&session, anna.id, step, answer)
                .await
        };
        let options = ask().await;
        let answer = phone.answer(&options);
        finish(&answer).await.unwrap();
        assert!(refused(&finish(&answer).await), "once");
        let has = identity.second_factors(anna.id).await.unwrap();
        assert_eq!(
            has.passkeys[0].last_used_at.unwrap().as_second(),
            world.clock.now().as_second()
        );
        // For one thing asked, another answered; another person; another device; too late.
        let options = ask().await;
        let answer = phone.answer(&options);
        let step = Step::Confirm;
        let other = identity
            .finish_passkey_step(&session, anna.id, step, &answer)
            .await;
        assert!(refused(&other));
        ask().await;
        assert!(refused(&finish(&answer).await), "an older question");
        let options = ask().await;
        let answer = phone.answer(&options);
        let step = Step::SignIn;
        let other = identity
            .finish_passkey_step(&session, ivan.id, step, &answer)
            .await;
        assert!(refused(&other));
        let options = ask().await;
        assert!(refused(&finish(&Device::new(2).answer(&options)).await));
        let options = ask().await;
        assert!(
            refused(&finish(&Device::new(1).answer(&options)).await),
            "another's signature"
        );
        let options = ask().await;
        let answer = phone.answer(&options);
        world.clock.advance(SignedDuration::from_mins(5));
        assert!(refused(&finish(&answer).await), "five minutes");

        let somewhere = browser(&world, None).await;
        let options = identity
            .begin_passkey_sign_in(&somewhere, HOME)
            .await
            .unwrap();
        assert!(
            options["publicKey"]["allowCredentials"]
                .as_array()
                .is_none_or(Vec::is_empty)
        );
        let answer = phone.answer(&options);
        let elsewhere = browser(&world, None).await;
        identity
            .begin_passkey_sign_in(&elsewhere, HOME)
            .await
            .unwrap();
        let stolen = identity
            .finish_passkey_sign_in(&elsewhere, &answer, HOME)
            .await;
        assert!(refused(&stolen), "another browser's");
        let who = identity
            .finish_passkey_sign_in(&somewhere, &answer, HOME)
            .await;
        assert_eq!(who.unwrap().id, anna.id);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_as_it_should_be_is_refused() {
    for_each_database(|store| async move {
        let world = world(store);
        let identity = &world.identity;
        let (anna, ivan) = (world.add("anna").await, world.add("ivan").await);
        let session = browser(&world, Some(&anna)).await;
        let mut unverified = Device::new(3);
        unverified.verifies = false;
        let options = identity.begin_passkey(&session, &anna).await.unwrap();
        let made = unverified.make(&options);
        let refusal = identity
            .finish_passkey(&session, anna.id, "Phone", &made)
            .await;
        assert!(refused(&refusal.map(|_| ())), "nobody was recognised");
        let mut phone = Device::new(1);
        for name in ["", " ", &"x".repeat(65), "a\nb"] {
            let nameless = identity.finish_passkey(&session, anna.id, name, "{}").await;
            assert!(matches!(nameless, Err(FactorError::Name)), "{name}");
        }
        add(&world, &session, &anna, &mut phone).await;
        let somewhere = browser(&world, None).await;
        let ask = async || {
            let asked = identity.begin_passkey_sign_in(&somewhere, HOME);
            asked.await.unwrap()
        };
        let finish = async |answer: &str| {
            let finished = identity.finish_passkey_sign_in(&somewhere, answer, HOME);
            finished.await.map(|user| user.id)
        };
        phone.verifies = false;
        let options = ask().await;
        assert!(
            refused(&finish(&phone.answer(&options)).await),
            "nobody was recognised"
        );
        phone.verifies = true;
        phone.origin = "https://evil.example";
        let options = ask().await;
        assert!(
            refused(&finish(&phone.answer(&options)).await),
            "another site's"
        );
        phone.origin = ORIGIN;
        let options = ask().await;
        finish(&phone.answer(&options)).await.unwrap();
        // A copy that was left behind.
        phone.count -= 1;
        let options = ask().await;
        assert!(
            refused(&finish(&phone.answer(&options)).await),
            "the count stands still"
        );
        phone.count += 10;
        // Said to be another person's.
        let session_of_ivan = browser(&world, Some(&ivan)).await;
        let mut other = Device::new(2);
        add(&world, &session_of_ivan, &ivan, &mut other).await;
        let own = std::mem::replace(&mut phone.handle, other.handle.clone());
        let options = ask().await;
        assert!(
            refused(&finish(&phone.answer(&options)).await),
            "not his key"
        );
        phone.handle = own;
        let options = ask().await;
        finish(&phone.answer(&options)).await.unwrap();

        identity.disable_user(anna.id).await.unwrap();
        let options = ask().await;
        assert!(refused(&finish(&phone.answer(&options)).await), "disabled");
        identity.enable_user(anna.id).await.unwrap();
        let id = identity.second_factors(anna.id).await.unwrap().passkeys[0].id;
        assert!(matches!(
            identity.remove_passkey(ivan.id, id).await,
            Err(FactorError::Missing)
        ));
        let options = ask().await;
        let answer = phone.answer(&options);
        identity.remove_passkey(anna.id, id).await.unwrap();
        assert!(refused(&finish(&answer).await), "removed");
        let left = identity.second_factors(anna.id).await.unwrap();
        assert!(!left.any() && left.recovery_left == 0);
    })
    .await;
}

#[tokio::test]
async fn there_are_only_so_many_and_none_on_an_address() {
    let database = deputy_store::testing::sqlite().await;
    let world = world(database.store.clone());
    let anna = world.add("anna").await;
    let session = browser(&world, Some(&anna)).await;
    for n in 0..20 {
        add(&world, &session, &anna, &mut Device::new(n)).await;
    }
    assert!(matches!(
        world.identity.begin_passkey(&session, &anna).await,
        Err(FactorError::TooMany(20))
    ));
    for (url, works) in [
        ("https://deputy.example", true),
        ("https://deputy.example:8443/", true),
        ("http://localhost:8484", true),
        ("http://127.0.0.1:8484", false),
        ("http://[::1]:8484", false),
    ] {
        assert_eq!(site(&Url::parse(url).unwrap()).is_some(), works, "{url}");
    }
}
