//! How the agent speaks: to a person on stderr, to a script on stdout. Colour only where a terminal shows it and nobody
//! asked for none (<https://no-color.org>).

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::time::Instant;

use crate::settings::variable;

/// How long something may take before it is worth a word.
const PATIENCE: Duration = Duration::from_secs(1);

/// Text that stands out, where that can be seen.
pub(crate) fn strong(text: &str) -> String {
    if variable("NO_COLOR").is_none()
        && variable("TERM").as_deref() != Some("dumb")
        && std::io::stderr().is_terminal()
    {
        format!("\u{1b}[1m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}

/// Text of a server as it may stand in a line of a terminal: no control characters, not endless.
pub(crate) fn plain(text: &str) -> String {
    const LONGEST: usize = 500;
    let clean: String = text
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    clean.trim().to_owned()
}

/// Waits for `work`, and on a terminal says for what and how long already.
pub(crate) async fn waiting<T>(what: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    if !std::io::stderr().is_terminal() {
        return work.await;
    }
    let begun = Instant::now();
    let mut shown = false;
    loop {
        if let Ok(done) = tokio::time::timeout(PATIENCE, &mut work).await {
            if shown {
                show("");
            }
            return done;
        }
        show(&format!("{what} … {} s", begun.elapsed().as_secs()));
        shown = true;
    }
}

/// Replaces the line that the cursor is in.
fn show(text: &str) {
    let mut out = std::io::stderr();
    let _ = write!(out, "\r\u{1b}[2K{text}");
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn a_server_can_t_write_to_the_terminal() {
        assert_eq!(plain("no\u{1b}[2J\r\nway\u{7}"), "no [2J  way");
        assert_eq!(plain(&"x".repeat(9999)).len(), 500);
    }
}
