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
        options.extension.table = has_room_for_tables(text);
        options.extension.tasklist = true;
        options.extension.autolink = true;
        options.render.escape = true;
        Self(markdown_to_html(&visible(text), &options))
    }
}

/// Most cells that the tables of a text may come to. Short rows are filled up to the width of their
/// table, so a few lines can make a page of millions.
const MOST_CELLS: usize = 50_000;

/// Whether tables may be drawn: not where the widest line, times all lines, is more than that.
fn has_room_for_tables(text: &str) -> bool {
    let marks = |line: &str| line.bytes().filter(|byte| *byte == b'|').count();
    let widest = text.lines().map(marks).max().unwrap_or(0) + 1;
    widest.saturating_mul(text.lines().count()) <= MOST_CELLS
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
    fn a_text_makes_no_page_without_end() {
        let table = format!("{}\n{}\n", "|a".repeat(500), "|-".repeat(500)) + &"a\n".repeat(1000);
        let html = Markdown::of(&(table + "\n").repeat(16)).to_string();
        assert!(html.len() < 1 << 20, "{}", html.len());
        let small = Markdown::of("|a|b|\n|-|-|\n|c|d|\n").to_string();
        assert!(small.contains("<td>c</td>"), "{small}");
    }

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
