//! Provisioner `breakpoint`: stops until somebody at the terminal presses Enter.

use std::sync::Arc;

use async_trait::async_trait;

use super::{ProvisionError, Provisioner};
use crate::client::Services;
use crate::communicator::Communicator;
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::cancel::Cancelled;
use crate::run::event::EventKind;

struct Breakpoint {
    note: String,
    disable: bool,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Provisioner>> {
    let note = fields.text("note").filter(|note| !note.is_empty());
    let note = note.map(|note| format!(" with note \"{note}\"")).unwrap_or_default();
    Some(Box::new(Breakpoint { note, disable: fields.flag("disable").unwrap_or(false) }))
}

#[async_trait]
impl Provisioner for Breakpoint {
    fn needs_machine(&self) -> bool {
        false
    }

    async fn provision(&self, _: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError> {
        let note = &self.note;
        if self.disable {
            cx.say(format!("Breakpoint provisioner{note} disabled; continuing..."));
            return Ok(());
        }
        cx.say(format!("Pausing at breakpoint provisioner{note}."));
        let terminal = open_terminal().map_err(|error| {
            ProvisionError::Failed(format!(
                "there is no terminal to wait at: {error}; set disable = true for runs without one"
            ))
        })?;
        cx.events.send(EventKind::Question { text: "Press enter to continue.".to_owned() });
        let stop = cx.cancel.stop.clone();
        let waiting = tokio::task::spawn_blocking(move || wait_for_enter(&terminal, &|| stop.is_cancelled()));
        let waited = waiting.await;
        cx.events.send(EventKind::Answered);
        match waited {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(Cancelled.into()),
            Ok(Err(error)) => Err(ProvisionError::Failed(format!("could not read from the terminal: {error}"))),
            Err(error) => Err(ProvisionError::Failed(error.to_string())),
        }
    }
}

/// The terminal that controls our process, whatever stdin is.
fn open_terminal() -> std::io::Result<std::fs::File> {
    match cfg!(unix) {
        true => std::fs::File::open("/dev/tty"),
        false => Err(std::io::ErrorKind::Unsupported.into()),
    }
}

/// Reads until a line ends, or the terminal does. `false` once `stopped`: no reader is left behind that would take
/// the answer to a later question.
#[cfg(unix)]
fn wait_for_enter(mut terminal: &std::fs::File, stopped: &dyn Fn() -> bool) -> std::io::Result<bool> {
    use std::io::Read as _;

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let moment = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    let mut buffer = [0; 256];
    while !stopped() {
        match poll(&mut [PollFd::new(&terminal, PollFlags::IN)], Some(&moment)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let count = terminal.read(&mut buffer)?;
        if count == 0 || buffer[..count].contains(&b'\n') {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(not(unix))]
fn wait_for_enter(_: &std::fs::File, _: &dyn Fn() -> bool) -> std::io::Result<bool> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Write as _;
    use std::os::fd::OwnedFd;

    use super::*;

    #[test]
    fn enter_goes_on_and_a_stop_ends_the_wait() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let terminal = std::fs::File::from(OwnedFd::from(reader));
        assert!(!wait_for_enter(&terminal, &|| true).unwrap());
        writer.write_all(b"yes\n").unwrap();
        assert!(wait_for_enter(&terminal, &|| false).unwrap());
    }
}
