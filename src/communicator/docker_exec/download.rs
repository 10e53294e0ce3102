//! Downloads: the engine's tar stream is unpacked as it comes, by a thread of its own.

use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::DockerExec;
use crate::client::progress::Transfer;
use crate::communicator::CommunicatorError;
use crate::communicator::landing::Landing;
use crate::communicator::tree::{under_its_name, unpack};
use crate::run::BuildContext;

impl DockerExec {
    pub(super) async fn fetch_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let (path, is_dir) = self.resolve(source).await?;
        if is_dir {
            let text = format!("{source} is a folder in the container; end it with a slash to download its contents");
            return Err(CommunicatorError::Remote(text));
        }
        let (mut file, landing) = Landing::at(destination, cx)?;
        let fetched = self.fetch(&path, source, cx, move |tar| {
            let mut entries = tar.entries()?;
            let mut entry = entries.next().ok_or(io::ErrorKind::UnexpectedEof)??;
            io::copy(&mut entry, &mut file)?;
            Ok(())
        });
        fetched.await.map_err(|error| at(error, destination))?;
        landing.keep()
    }

    pub(super) async fn fetch_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let (path, is_dir) = self.resolve(source.trim_end_matches('/')).await?;
        if !is_dir {
            let text = format!("{source} is not a folder in the container");
            return Err(CommunicatorError::Remote(text));
        }
        let target = under_its_name(destination, source);
        let fetched = self.fetch(&path, source, cx, move |tar| unpack(tar, &target)).await;
        fetched.map_err(|error| at(error, destination))
    }

    /// The path with links followed to their end, and whether it is a folder.
    async fn resolve(&self, path: &str) -> Result<(String, bool), CommunicatorError> {
        let path = if path.is_empty() { "/" } else { path };
        let container = &self.options.container;
        let missing = |path: &str| CommunicatorError::Remote(format!("{path} does not exist in the container"));
        let stat = self.docker.stat(container, path).await?.ok_or_else(|| missing(path))?;
        match stat.link_target {
            None => Ok((path.to_owned(), stat.is_dir)),
            Some(target) => {
                let stat = self.docker.stat(container, &target).await?.ok_or_else(|| missing(&target))?;
                Ok((target, stat.is_dir))
            }
        }
    }

    async fn fetch(
        &self,
        path: &str,
        shown: &str,
        cx: &BuildContext,
        take: impl FnOnce(&mut tar::Archive<Box<dyn Read + Send>>) -> io::Result<()> + Send + 'static,
    ) -> Result<(), CommunicatorError> {
        let mut transfer = Transfer::new(cx, format!("Downloading {shown}"), None);
        let (failure, failed) = tokio::sync::oneshot::channel();
        let mut failure = Some(failure);
        let stream = self.docker.get_archive(&self.options.container, path).map(move |chunk| {
            match &chunk {
                Ok(chunk) => transfer.advance(chunk.len() as u64),
                Err(error) => drop(failure.take().map(|failure| failure.send(error.to_string()))),
            }
            chunk.map_err(|error| io::Error::other(error.to_string()))
        });
        // Dropping the stream on a cancel ends the thread's reading too.
        let stream = stream.take_until(cx.cancel.stop.clone().cancelled_owned());
        let taken = tokio::task::spawn_blocking({
            let reader = blocking(stream);
            move || take(&mut tar::Archive::new(reader))
        });
        let taken = taken.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        if cx.cancel.is_stopped() {
            return Err(crate::run::cancel::Cancelled.into());
        }
        match (taken, failed.await) {
            (Err(_), Ok(reason)) => Err(CommunicatorError::Remote(reason)),
            (Err(source), Err(_)) => Err(CommunicatorError::Local { path: String::new(), source }),
            (Ok(()), _) => Ok(()),
        }
    }
}

fn blocking(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Box<dyn Read + Send> {
    Box::new(SyncIoBridge::new(StreamReader::new(Box::pin(stream))))
}

/// Names the local path in an error that does not know it.
fn at(error: CommunicatorError, destination: &Path) -> CommunicatorError {
    match error {
        CommunicatorError::Local { source, .. } => CommunicatorError::local(destination, source),
        other => other,
    }
}
