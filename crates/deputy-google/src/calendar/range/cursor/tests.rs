use super::*;

fn bounds() -> Bounds {
    Bounds {
        from: "2026-02-01T00:00:00Z".parse().unwrap(),
        to: "2026-03-01T00:00:00Z".parse().unwrap(),
    }
}

#[test]
fn a_token_leads_back_to_its_place_and_to_no_other_range() {
    let place = Cursor::at(
        "2026-02-13T10:00:00Z".parse().unwrap(),
        "work@x.test",
        "событие",
    );
    let token = place.token(bounds());
    assert_eq!(Cursor::parse(&token, bounds()).unwrap(), place);
    let other = Bounds {
        to: "2026-03-02T00:00:00Z".parse().unwrap(),
        ..bounds()
    };
    assert!(Cursor::parse(&token, other).is_err());
    assert!(
        Cursor::parse("CAE", bounds())
            .unwrap_err()
            .to_string()
            .starts_with("/page_token: ")
    );
}

#[test]
fn places_are_ordered_by_start_then_calendar_then_event() {
    let at = |t: &str, c: &str, e: &str| Cursor::at(t.parse().unwrap(), c, e);
    let order = [
        at("2026-02-13T10:00:00Z", "a", "z"),
        at("2026-02-13T10:00:00Z", "b", "a"),
        at("2026-02-13T10:00:00Z", "b", "b"),
        at("2026-02-13T10:00:01Z", "a", "a"),
    ];
    assert!(order.is_sorted());
}
