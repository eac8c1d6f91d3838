use super::*;

fn html(markdown: &str) -> String {
    Prose::of(markdown).to_string()
}

#[test]
fn steps_code_and_emphasis_are_shown() {
    assert_eq!(
        html("First:\n\n1. Open *API Keys*.\n2. Copy `xoxb-`…\nDone."),
        "<p>First:</p><ol><li>Open <em>API Keys</em>.</li><li>Copy <code>xoxb-</code>…</li></ol><p>Done.</p>"
    );
    assert_eq!(
        html("1. a\n2. `*`"),
        "<ol><li>a</li><li><code>*</code></li></ol>"
    );
}

#[test]
fn everything_else_is_text() {
    assert_eq!(
        html("<b>&\"'</b> `<i>` *<script>*"),
        "<p>&lt;b&gt;&amp;&quot;&#39;&lt;/b&gt; <code>&lt;i&gt;</code> <em>&lt;script&gt;</em></p>"
    );
    for text in [
        "2 * 3 * 4",
        "a ` b",
        "** **",
        "v1.2 of it",
        "1.5. x",
        "`` `",
    ] {
        let shown = html(text);
        let bare = shown
            .strip_prefix("<p>")
            .and_then(|s| s.strip_suffix("</p>"));
        assert_eq!(bare, Some(text), "{shown}");
    }
    assert_eq!(html("a\u{202e}b"), "<p>a⟨U+202E⟩b</p>");
}

#[test]
fn the_instructions_of_every_kind_are_read_whole() {
    use deputy_core::Language;
    for template in deputy_templates::Registry::builtin().all() {
        for language in Language::ALL {
            let text = template.setup.get(language);
            let shown = html(text);
            assert!(!shown.contains('`'), "{}: {shown}", template.server_type);
            let steps = text.lines().filter(|l| step(l.trim()).is_some()).count();
            assert_eq!(shown.matches("<li>").count(), steps);
            let tags = [
                "<ol>", "</ol>", "<li>", "</li>", "<p>", "</p>", "<code>", "</code>", "<em>",
                "</em>",
            ];
            let bare = tags.iter().fold(shown, |text, tag| text.replace(tag, ""));
            assert!(!bare.contains('<'), "{bare}");
        }
    }
}
