//! What a program says of itself, as a person is shown it.

use crate::view::visible;

/// `text` in one line of at most `longest` characters, with nothing in it that hides or reorders
/// others, and no heap of marks on a letter that would reach into the lines around it.
pub(crate) fn said(text: &str, longest: usize) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut kept = String::new();
    let mut marks = 0;
    let mut count = 0;
    for c in words.join(" ").chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > 2 {
            continue;
        }
        if count == longest {
            kept.push('…');
            break;
        }
        kept.push(c);
        count += 1;
    }
    visible(&kept)
}

/// The blocks of combining marks (Unicode 16, chapter 7.9), which stand above and below letters.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_says_stays_in_its_line() {
        assert_eq!(said(" Claude\n\tCode ", 80), "Claude Code");
        assert_eq!(said("a\u{202e}b\0", 80), "a⟨U+202E⟩b⟨U+0000⟩");
        assert_eq!(said(&"x".repeat(99), 4), "xxxx…");
        assert_eq!(said("xxxx", 4), "xxxx");
        assert_eq!(
            said(&format!("a{}b", "\u{301}".repeat(50)), 80),
            "a\u{301}\u{301}b"
        );
        assert_eq!(said("Ёжик їжак", 80), "Ёжик їжак");
        assert_eq!(said("", 80), "");
    }
}
