//! Ctrl-C, as each system has it.

use std::io;

#[cfg(unix)]
use tokio::signal::unix::Signal as Heard;
#[cfg(windows)]
use tokio::signal::windows::CtrlC as Heard;

/// Whether somebody pressed Ctrl-C since this was made; from then on it does not end the program by itself.
pub(crate) struct Interrupt(Heard);

impl Interrupt {
    /// Begins to listen.
    pub(crate) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        let heard = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        let heard = tokio::signal::windows::ctrl_c();
        heard.map(Self)
    }

    /// Waits for it.
    pub(crate) async fn pressed(&mut self) {
        self.0.recv().await;
    }
}
