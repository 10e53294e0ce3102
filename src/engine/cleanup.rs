//! Releasing what a build acquired: newest first, each with a deadline, what cannot be released said loudly.

use super::Workshop;
use crate::run::BuildContext;
use crate::run::cleanup::{ReleaseError, Released, Releases, Resource};
use crate::run::event::EventKind;

/// Empties the build's cleanup stack. Returns the number of resources that are still there.
pub(super) async fn release_all(cx: &BuildContext, shop: &Workshop) -> usize {
    let (mut leftovers, mut releases) = (0, Releases::default());
    while let Some((entry, resource)) = cx.cleanup.pop() {
        match release(&resource, &mut releases, cx, shop).await {
            Ok(released) => {
                if released == Released::Removed {
                    tracing::debug!(%resource, "released");
                }
                if let Err(error) = cx.cleanup.released(entry) {
                    cx.warn(error.to_string());
                }
            }
            Err(_) => leftovers += 1,
        }
    }
    leftovers
}

/// Releases one resource; a failure has been told as an event when this returns.
pub(super) async fn release(
    resource: &Resource,
    releases: &mut Releases,
    cx: &BuildContext,
    shop: &Workshop,
) -> Result<Released, ReleaseError> {
    let failed = |reason: &str| ReleaseError::new(resource, reason);
    if let Some(farewell) = resource.farewell() {
        cx.say(farewell);
    }
    let work = releases.release(shop.services.as_ref(), resource);
    let released = match cx.cancel.unless_killed(work).await {
        Ok(released) => released,
        Err(_) => Err(failed("the run was told twice to stop")),
    };
    if let Err(error) = &released {
        let (resource, error) = (error.resource.to_string(), error.reason.clone());
        cx.events.send(EventKind::Leftover { resource, error });
    }
    released
}
