//! What is typed while something is drawn.

use std::io::stderr;

use rustix::process::getpgrp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};

/// While it lives, Ctrl-C disturbs nothing that is drawn: its `^C` is not shown, which would move the cursor away, and what was written before is
/// not thrown away unseen.
pub(super) struct Undisturbed {
    before: Option<Termios>,
}

impl Undisturbed {
    pub(super) fn new() -> Self {
        let before = is_ours().then(|| tcgetattr(stderr()).ok()).flatten();
        if let Some(before) = &before {
            let mut modes = before.clone();
            modes.local_modes.remove(LocalModes::ECHOCTL);
            modes.local_modes.insert(LocalModes::NOFLSH);
            set(&modes);
        }
        Self { before }
    }
}

impl Drop for Undisturbed {
    fn drop(&mut self) {
        if let Some(before) = self.before.take().filter(|_| is_ours()) {
            set(&before);
        }
    }
}

fn set(modes: &Termios) {
    // Where it is refused, a line of what was drawn may be left over.
    let _ = tcsetattr(stderr(), OptionalActions::Now, modes);
}

/// Whether the terminal is this command's to change: in the background it would be stopped by the system for trying.
fn is_ours() -> bool {
    tcgetpgrp(stderr()).is_ok_and(|group| group == getpgrp())
}
