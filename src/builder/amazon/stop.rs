//! Bringing the instance to rest before its disks are captured.

use super::account::Account;
use crate::builder::BuilderError;
use crate::run::BuildContext;

/// Stops the instance and waits until it has stopped. With `by_itself` the template's last step is expected to shut it
/// down, and it is only waited for. `rests` is called when nothing can be asked of it any more.
pub(super) async fn stop(
    account: &Account,
    instance: &str,
    by_itself: bool,
    rests: impl FnOnce(),
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    if by_itself {
        cx.say("Waiting for the instance to stop by itself (disable_stop_instance)...");
    } else {
        cx.say("Stopping the source instance...");
        account.ec2.stop(instance, &cx.cancel).await?;
    }
    rests();
    account.ec2.wait_stopped(instance, account.polling, &cx.cancel).await?;
    Ok(())
}

/// Enhanced networking is a property of the stopped instance that its image takes over.
pub(super) async fn modify(
    account: &Account,
    instance: &str,
    ena: Option<bool>,
    sriov: bool,
    cx: &BuildContext,
) -> Result<(), BuilderError> {
    if sriov {
        cx.say("Enabling Enhanced Networking (SR-IOV)...");
        account.ec2.set_sriov(instance).await?;
    }
    if let Some(wanted) = ena {
        cx.say(if wanted { "Enabling Enhanced Networking (ENA)..." } else { "Disabling Enhanced Networking (ENA)..." });
        account.ec2.set_ena(instance, wanted).await?;
    }
    Ok(())
}
