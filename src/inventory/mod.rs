//! What is in an image: its system, packages, services, users, doors. Taken just before capture by one question to the
//! machine (`script.sh`), whose answer nobody trusts (`read.rs`); kept in the record, written as CycloneDX.

pub(crate) mod cyclonedx;
mod purl;
mod read;
mod sockets;
#[cfg(test)]
mod tests;
mod version;

use std::time::Duration;

use crate::communicator::{Communicator, CommunicatorError, Question};
use crate::run::BuildContext;
use crate::run::cancel::Cancelled;

pub(crate) use crate::run::inventory::{CONTENTS, ImageConfig, Inventory, Manager, Missing, Package, System, User};
pub(crate) use version::compare;

const SCRIPT: &str = include_str!("script.sh");
/// Bytes of an answer: 50,000 packages are four million.
const LONGEST: usize = 16 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

/// Asks a machine that is reached in such a way what is in it. Nothing but being cancelled keeps a build from going on.
pub(crate) async fn take(
    machine: &dyn Communicator,
    reached_by: &str,
    cx: &BuildContext,
) -> Result<Inventory, Cancelled> {
    // Nothing but a shell of Unix can be asked so far.
    if !["ssh", "docker", "chroot"].contains(&reached_by) {
        return Ok(Inventory::unknown(format!(
            "there is no way to ask a machine whose communicator is {reached_by:?}"
        )));
    }
    cx.say("Taking the inventory...");
    // A text that no file has, so that none can pass for a part of the answer.
    let mark = format!("forge-{:032x}", rand::random::<u128>());
    // Containers and chroots share the kernel and the sockets of what they are built on.
    let own = if reached_by == "ssh" { "machine" } else { "" };
    let question = Question { script: SCRIPT, words: &[&mark, own], longest: LONGEST, patience: PATIENCE };
    let inventory = match machine.ask(&question, cx).await {
        Ok(answer) => read::inventory(&answer, &mark, PATIENCE),
        Err(CommunicatorError::Cancelled(cancelled)) => return Err(cancelled),
        Err(error) => Inventory::unknown(error.to_string()),
    };
    cx.detail(told(&inventory));
    for Missing { part, why, .. } in &inventory.missing {
        cx.detail(format!("Not in the inventory: {part}: {why}"));
    }
    Ok(inventory)
}

/// In a line, for the log.
fn told(inventory: &Inventory) -> String {
    let system = match inventory.system.name.as_str() {
        "" => "An unknown system",
        name => name,
    };
    let Inventory { packages, services, users, .. } = inventory;
    format!("{system}: {} packages, {} services, {} users", packages.len(), services.len(), users.len())
}
