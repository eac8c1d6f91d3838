use deputy_core::SystemRng;

use super::*;

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn text(err: &KeyError) -> String {
    err.to_string()
}

#[test]
fn a_key_is_64_hex_digits_in_any_case_with_white_space_around() {
    let key = parse_key(&format!("  {}\n", KEY.to_uppercase())).unwrap();
    assert_eq!(key.expose()[31], 0x1f);
    assert_eq!(RootKeyId::of(&key), RootKeyId::of(&parse_key(KEY).unwrap()));
}

#[test]
fn a_wrong_key_is_refused_with_the_settings_name_and_the_way_to_a_right_one() {
    let cases = [
        ("", KeyError::Empty { setting: CURRENT }),
        ("  \n", KeyError::Empty { setting: CURRENT }),
        (
            &KEY[..62],
            KeyError::Length {
                setting: CURRENT,
                found: 62,
            },
        ),
        (
            &KEY[..63],
            KeyError::Length {
                setting: CURRENT,
                found: 63,
            },
        ),
        (
            &format!("{KEY}00"),
            KeyError::Length {
                setting: CURRENT,
                found: 66,
            },
        ),
        (
            &KEY.replace("0a", "0g"),
            KeyError::Digit {
                setting: CURRENT,
                position: 22,
            },
        ),
        (
            "ключ",
            KeyError::Digit {
                setting: CURRENT,
                position: 1,
            },
        ),
        (&"00".repeat(32), KeyError::Weak { setting: CURRENT }),
    ];
    for (given, expected) in cases {
        let err = parse_key(given).err().unwrap();
        assert_eq!(err, expected, "{given}");
        assert!(text(&err).contains("TOKEN_ENCRYPTION_KEY_FILE"), "{err}");
        assert!(text(&err).contains("deputy key generate"), "{err}");
        assert!(
            given.len() < 8 || !text(&err).contains(&given[..8]),
            "{err} shows the key"
        );
    }
}

#[test]
fn former_keys_are_separated_by_commas() {
    let other = "ff".repeat(31) + "00";
    assert_eq!(parse_old_keys("").unwrap().len(), 0);
    assert_eq!(
        parse_old_keys(&format!("{KEY}, {other},")).unwrap().len(),
        2
    );
    let err = parse_old_keys(&format!("{KEY},abc")).err().unwrap();
    assert!(text(&err).contains("TOKEN_ENCRYPTION_KEYS_OLD"), "{err}");
}

#[test]
fn a_generated_key_is_a_key_and_new_each_time() {
    let (one, other) = (generate_key(&SystemRng), generate_key(&SystemRng));
    assert_ne!(one.expose(), other.expose());
    assert_eq!(one.expose().len(), 64);
    parse_key(one.expose()).unwrap();
}

fn wrapped(roots: &RootKeys, owner: Option<UserId>) -> UserKey {
    let (root_id, root) = roots.current();
    let id = KeyId([5; 16]);
    let key = DataKey::new(Secret::new([9; 32]));
    UserKey {
        row: 1,
        owner,
        key_id: id.to_string(),
        root_id: root_id.to_string(),
        wrapped: root.wrap(&SystemRng, root_id, owner, id, &key),
    }
}

fn roots(current: u8, old: &[u8]) -> RootKeys {
    let key = |byte: &u8| Secret::new([*byte; 32]);
    RootKeys::new(&Config {
        current: key(&current),
        old: old.iter().map(key).collect(),
    })
}

#[test]
fn a_wrapped_key_opens_under_its_root_key_current_or_former() {
    let row = wrapped(&roots(1, &[]), Some(UserId(3)));
    assert_eq!(roots(1, &[]).unwrap(&row).unwrap().expose(), &[9; 32]);
    assert_eq!(roots(2, &[1]).unwrap(&row).unwrap().expose(), &[9; 32]);
    let Err(Error::UnknownRootKey(id)) = roots(2, &[3]).unwrap(&row) else {
        panic!("an unknown root key opened it");
    };
    assert_eq!(id.to_string(), row.root_id);
}

#[test]
fn a_wrapped_key_is_its_owners_alone() {
    let roots = roots(1, &[]);
    let row = wrapped(&roots, Some(UserId(3)));
    for owner in [Some(UserId(4)), Some(UserId(0)), None] {
        let moved = UserKey {
            owner,
            ..row.clone()
        };
        assert!(matches!(roots.unwrap(&moved), Err(Error::Refused)));
    }
    let renamed = UserKey {
        key_id: KeyId([6; 16]).to_string(),
        ..row
    };
    assert!(matches!(roots.unwrap(&renamed), Err(Error::Refused)));
}

#[test]
fn every_change_of_a_wrapped_key_is_refused() {
    let roots = roots(1, &[]);
    let row = wrapped(&roots, None);
    assert_eq!(row.wrapped.len(), WRAPPED);
    for bit in 0..WRAPPED * 8 {
        let mut changed = row.clone();
        changed.wrapped[bit / 8] ^= 1 << (bit % 8);
        assert!(roots.unwrap(&changed).is_err(), "bit {bit}");
    }
    for length in 0..WRAPPED {
        let mut cut = row.clone();
        cut.wrapped.truncate(length);
        assert!(roots.unwrap(&cut).is_err(), "{length} bytes");
    }
}
