use super::divided;

#[test]
fn a_password_is_divided_from_its_connection_string() {
    for (text, without, password) in [
        (
            "postgresql://anna:p%40ss%2Fw@db:5432/shop?sslmode=require",
            "postgresql://anna@db:5432/shop?sslmode=require",
            Some("p@ss/w"),
        ),
        (
            "postgres://db/shop?user=anna&PassWord=p%26q",
            "postgres://db/shop?user=anna",
            Some("p&q"),
        ),
        ("postgres://anna@db/shop", "postgres://anna@db/shop", None),
        (
            "postgres://db/shop?password=x",
            "postgres://db/shop",
            Some("x"),
        ),
    ] {
        let (url, found) = divided(text).unwrap();
        assert_eq!(url, without);
        assert_eq!(found.as_ref().map(|it| it.expose().as_str()), password);
    }
    assert!(divided("host=db password=x").is_none());
}
