//! What the capture of a machine has done, so that one that is tried again after a failure goes on where it failed: an
//! image that is there is not made a second time, and its name is not free for one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::account::Account;
use crate::builder::BuilderError;
use crate::client::aws::AwsError;
use crate::client::aws::ec2::types::Image;
use crate::run::BuildContext;
use crate::run::cleanup::Resource;

#[derive(Default)]
pub(super) struct Progress {
    done: Mutex<BTreeSet<String>>,
    /// The image of the build region.
    pub image: Making,
    copies: Mutex<BTreeMap<String, Arc<Making>>>,
}

impl Progress {
    /// Does a step unless it is done.
    pub(super) async fn once(
        &self,
        step: &str,
        work: impl Future<Output = Result<(), BuilderError>>,
    ) -> Result<(), BuilderError> {
        if self.done.lock().unwrap_or_else(PoisonError::into_inner).contains(step) {
            return Ok(());
        }
        work.await?;
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(step.to_owned());
        Ok(())
    }

    /// The copy in a region.
    pub(super) fn copy(&self, region: &str) -> Arc<Making> {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(copies.entry(region.to_owned()).or_default())
    }
}

/// An image whose making was answered: from then on it is known by its id, so that it is released whatever becomes of its
/// tags and of the wait.
pub(super) struct Begun {
    pub id: String,
    /// Value of the tag that it was created with; copies take it over.
    pub tag: String,
    /// How it is released.
    pub resource: Resource,
    /// Snapshots that the template names for its devices.
    pub foreign: Vec<String>,
}

/// An image that is there.
#[derive(Clone)]
pub(super) struct Made {
    pub image: Image,
    /// As in [`Begun`].
    pub tag: String,
    /// About how long it took to become available: the middle between the last look that found it pending and the
    /// one that found it there.
    pub took: Duration,
}

/// An image in the making.
#[derive(Default)]
pub(super) struct Making(tokio::sync::Mutex<State>);

#[derive(Default)]
enum State {
    #[default]
    Nothing,
    Begun(Begun),
    Made(Box<Made>),
}

impl Making {
    /// The image: the one that an attempt before has made, or one that `begin` makes and `wait` waits for. One that was
    /// begun and did not become ready is waited for once more, and makes room for another when that fails too.
    pub(super) async fn image<B, W>(
        &self,
        (account, region): (&Account, &str),
        cx: &BuildContext,
        begin: impl FnOnce() -> B,
        wait: impl Fn(String) -> W,
    ) -> Result<Made, BuilderError>
    where
        B: Future<Output = Result<Begun, BuilderError>>,
        W: Future<Output = Result<Image, AwsError>>,
    {
        let mut state = self.0.lock().await;
        if let State::Made(made) = &*state {
            return Ok(Made::clone(made));
        }
        if let State::Begun(begun) = &*state {
            cx.say(format!("Waiting again for AMI {} to become ready...", begun.id));
            let at = Instant::now();
            match wait(begun.id.clone()).await {
                Err(AwsError::Cancelled(cancelled)) => return Err(AwsError::Cancelled(cancelled).into()),
                Err(error) => {
                    cx.say(format!("{error}. It is removed, and another one is made"));
                    remove(account, region, begun, cx).await?;
                    *state = State::Nothing;
                }
                Ok(image) => {
                    let made = ready(account, region, begun, (image, at), cx)?;
                    *state = State::Made(Box::new(made.clone()));
                    return Ok(made);
                }
            }
        }
        let begun = begin().await?;
        *state = State::Begun(begun);
        let State::Begun(begun) = &*state else { return Err(BuilderError::Failed("no image was begun".to_owned())) };
        let at = Instant::now();
        let image = wait(begun.id.clone()).await?;
        let made = ready(account, region, begun, (image, at), cx)?;
        *state = State::Made(Box::new(made.clone()));
        Ok(made)
    }
}

/// An image that was waited for since `at`.
fn ready(
    account: &Account,
    region: &str,
    begun: &Begun,
    (mut image, at): (Image, Instant),
    cx: &BuildContext,
) -> Result<Made, BuilderError> {
    image.foreign.clone_from(&begun.foreign);
    // What is ready shows its snapshots itself.
    account.acquire_in(region, image.thing(), cx)?;
    cx.keep(&begun.resource)?;
    Ok(Made { image, tag: begun.tag.clone(), took: at.elapsed().div_f64(1.2) })
}

async fn remove(account: &Account, region: &str, begun: &Begun, cx: &BuildContext) -> Result<(), BuilderError> {
    if let Resource::Aws { thing, .. } = &begun.resource {
        account.aws.release(region, thing).await?;
    }
    Ok(cx.keep(&begun.resource)?)
}
