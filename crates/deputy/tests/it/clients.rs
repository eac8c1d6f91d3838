//! `deputy client`: OAuth clients that an administrator knows beforehand.

use crate::support::both;

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_added_listed_and_removed_and_what_is_wrong_is_said() {
    both(|app| async move {
        let (code, out, err) = app.run(&["client", "list"], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        let add = [
            "client",
            "add",
            "inspector",
            "--redirect-uri",
            "http://localhost:6274/oauth/callback",
            "com.example.app:/cb",
            "--redirect-uri",
            "https://example.org/cb",
            "--name",
            "The Inspector",
        ];
        let (code, out, err) = app.run(&add, "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        assert!(err.contains("The Inspector"), "{err}");
        let (code, _, err) = app.run(&add, "");
        assert_eq!(code, 1, "{err}");
        assert!(
            err.contains("inspector") && err.contains("already"),
            "{err}"
        );

        let (code, out, _) = app.run(&["client", "list"], "");
        assert_eq!((code, out.lines().count()), (0, 1), "{out}");
        let shown: Vec<&str> = out.trim_end().split('\t').collect();
        assert_eq!(shown[..3], ["inspector", "registered", "The Inspector"]);
        assert_eq!(
            shown[3],
            "http://localhost:6274/oauth/callback com.example.app:/cb https://example.org/cb"
        );
        assert_eq!(shown[5..], ["allowed never", "used never"]);
        let (_, out, _) = app.run(&["client", "list", "--all"], "");
        assert!(
            out.starts_with("deputy-cli\tbuilt in\t") && out.contains("\ninspector\t"),
            "{out}"
        );

        // Wrong usage names what is wrong, and changes nothing.
        for (args, said) in [
            (&["client", "add", "x"][..], "--redirect-uri"),
            (
                &[
                    "client",
                    "add",
                    "x",
                    "--redirect-uri",
                    "http://example.org/cb",
                ],
                "http://",
            ),
            (
                &["client", "add", "x", "--redirect-uri", "javascript:/x"],
                "javascript",
            ),
            (
                &[
                    "client",
                    "add",
                    "x",
                    "--redirect-uri",
                    "https://example.org/#x",
                ],
                "fragment",
            ),
            (
                &[
                    "client",
                    "add",
                    "a b",
                    "--redirect-uri",
                    "https://example.org/",
                ],
                "a b",
            ),
            (
                &[
                    "client",
                    "add",
                    "https://a.example/c",
                    "--redirect-uri",
                    "https://a.example/",
                ],
                "identifier",
            ),
            (&["client"], "Usage"),
        ] {
            let (code, out, err) = app.run(args, "");
            assert_eq!((code, out.as_str()), (2, ""), "{args:?} {err}");
            assert!(err.contains(said), "{args:?} {err}");
        }
        for (id, said) in [("nobody", "nobody"), ("deputy-cli", "own command line")] {
            let (code, _, err) = app.run(&["client", "remove", id], "");
            assert_eq!(code, 1, "{err}");
            assert!(err.contains(said), "{err}");
        }
        let (code, out, err) = app.run(&["client", "remove", "inspector"], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        assert!(err.contains("nobody had given it access"), "{err}");
        assert_eq!(app.run(&["client", "list"], "").1, "");

        let (_, out, _) = app.run(&["doctor"], "");
        assert!(
            out.contains("oauth: the issuer is http://127.0.0.1:"),
            "{out}"
        );
        assert!(
            out.contains("oauth: clients' documents") || out.contains("can't be fetched"),
            "{out}"
        );
    })
    .await;
}
