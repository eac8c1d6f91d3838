//! Markdown that people and programs wrote, on a page.
//!
//! HTML in it is text like any other, addresses that are no web or mail addresses lead nowhere, and
//! pictures are not fetched (the pages' content security policy): what somebody wrote can't act in
//! the browser of who reads it.

use std::fmt;

use comrak::{Options, markdown_to_html};

use super::visible;

/// Written text, ready for a page.
#[derive(Clone, Debug)]
pub(crate) struct Markdown(String);

impl Markdown {
    /// Reads CommonMark with tables, task lists and bare addresses.
    pub(crate) fn of(text: &str) -> Self {
        let mut options = Options::default();
        options.extension.strikethrough = true;
        options.extension.table = true;
        options.extension.tasklist = true;
        options.extension.autolink = true;
        options.render.escape = true;
        Self(markdown_to_html(&visible(text), &options))
    }
}

impl fmt::Display for Markdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl askama::filters::HtmlSafe for Markdown {}

#[cfg(test)]
mod tests {
    use super::Markdown;

    #[test]
    fn what_somebody_wrote_can_not_act() {
        let html = |text| Markdown::of(text).to_string();
        assert_eq!(html("*a*"), "<p><em>a</em></p>\n");
        assert_eq!(
            html("<script>x</script>").trim(),
            "&lt;script&gt;x&lt;/script&gt;"
        );
        assert!(html("a <img src=x onerror=y>").contains("&lt;img"));
        for link in [
            "[a](javascript:alert(1))",
            "[a](data:text/html,x)",
            "[a](vbscript:x)",
        ] {
            assert!(html(link).contains("href=\"\""), "{link}");
        }
        assert!(html("[a](https://example.org/)").contains("href=\"https://example.org/\""));
        assert!(html("a\u{202e}b").contains("U+202E"));
    }
}
