//! Downloads: one file over SFTP, a folder as a tar stream, and what the machine has instead.

use std::io;
use std::path::Path;

use bytes::Bytes;
use globset::GlobBuilder;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::reading::{Mark, Reading};
use super::upload::known_to_sftp;
use super::{Method, Ssh, both, broke};
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Found, Running, Sftp, quoted, quoted_path, quoted_pattern, sftp_path};
use crate::communicator::CommunicatorError;
use crate::communicator::landing::Landing;
use crate::communicator::tree::unpack;
use crate::run::BuildContext;

/// Chunks that wait to be unpacked.
const WAITING: usize = 16;

/// Status of a shell that does not find the program.
const NOT_FOUND: u32 = 127;

/// Shell text that prints an archive for each word, with its name as the first part of every path. A word that is a
/// pattern still has matched nothing. On one line, for the C shell.
const PACK: &str = concat!(
    "command -v tar >/dev/null || exit 127; ",
    "for f; do while :; do case $f in ?*/) f=${f%/};; *) break;; esac; done; ",
    "case $f in /) p=/ n=.;; */*) p=${f%/*}/ n=${f##*/};; *) p=. n=$f;; esac; ",
    r#"(cd "$p" && exec tar -chf - "./$n") || exit; done"#
);

impl Ssh {
    pub(super) async fn fetch_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let mut transfer = Transfer::new(cx, format!("Downloading {source}"), None);
        let (file, landing) = Landing::at(destination, cx)?;
        let mut file = tokio::io::BufWriter::with_capacity(1 << 20, tokio::fs::File::from_std(file));
        self.fetch_into(source, &mut file, &mut transfer).await.map_err(|error| match error {
            CommunicatorError::Local { source, .. } => CommunicatorError::local(destination, source),
            other => other,
        })?;
        file.flush().await.map_err(|error| CommunicatorError::local(destination, error))?;
        landing.keep()
    }

    async fn fetch_into(
        &self,
        source: &str,
        file: &mut (impl tokio::io::AsyncWrite + Unpin + Send),
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let is_directory = || {
            let text = format!("{source} is a folder on the machine; end it with a slash to download its contents");
            CommunicatorError::Remote(text)
        };
        // Another user's home is known to a shell only.
        let by_shell = self.config().method == Method::Fastest && sftp_path(source).is_none();
        if self.config().method != Method::Scp && !by_shell {
            match self.sftp().await {
                Ok(sftp) => {
                    let source = known_to_sftp(source)?;
                    if sftp.stat(source).await? == Found::Directory {
                        return Err(is_directory());
                    }
                    return Ok(sftp.get(source, file, |moved| transfer.advance(moved)).await?);
                }
                Err(CommunicatorError::Remote(_)) if self.config().method == Method::Fastest => {}
                Err(error) => return Err(error),
            }
        }
        // Without SFTP the plainest program does: what it prints is the file, and nothing of it needs the protocol of
        // scp, which knows more ways to write where nobody asked.
        let mark = Mark::new();
        let command = format!("{}; cat {}", mark.command(), quoted_path(source));
        let Running { input, output } = self.begin(&command, false).await?;
        let mut reading = Reading::new(output, mark);
        let take = async {
            while let Some(bytes) = reading.next().await? {
                file.write_all(&bytes).await.map_err(|error| CommunicatorError::local(Path::new(""), error))?;
                transfer.advance(bytes.len() as u64);
            }
            Ok(())
        };
        both(&input, async { Ok(()) }, take).await?;
        fetched(source, &reading)
    }

    /// See [`crate::communicator::Communicator::download_directory`].
    pub(super) async fn fetch_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let mut transfer = Transfer::new(cx, format!("Downloading {source}"), None);
        std::fs::create_dir_all(destination).map_err(|error| CommunicatorError::local(destination, error))?;
        let method = self.config().method;
        if method != Method::Sftp && self.tar_fetch(source, destination, &mut transfer).await? {
            return Ok(());
        }
        match self.sftp().await {
            Ok(sftp) => sftp_fetch(&sftp, known_to_sftp(source)?, destination, &mut transfer).await,
            Err(CommunicatorError::Remote(_)) if method != Method::Sftp => {
                self.scp_fetch(source, destination, &mut transfer).await
            }
            Err(error) => Err(error),
        }
    }

    /// Unpacks a tar stream as it comes. Not done when the machine has no tar.
    async fn tar_fetch(
        &self,
        source: &str,
        destination: &Path,
        transfer: &mut Transfer,
    ) -> Result<bool, CommunicatorError> {
        let mark = Mark::new();
        let script = format!("{}; set -- {}; {PACK}", mark.command(), quoted_pattern(source));
        let Running { input, output } = self.begin(&format!("/bin/sh -c {}", quoted(&script)), false).await?;
        let mut reading = Reading::new(output, mark);
        let Some(first) = both(&input, async { Ok(()) }, reading.next()).await? else {
            return match reading.ended() {
                Ended::Status(NOT_FOUND) => Ok(false),
                Ended::Status(_) if !reading.is_ours() => Ok(false),
                _ => fetched(source, &reading).map(|()| true),
            };
        };
        let (chunks, mut waiting) = mpsc::channel::<io::Result<Bytes>>(WAITING);
        let stream = futures_util::stream::poll_fn(move |cx| waiting.poll_recv(cx));
        let reader = SyncIoBridge::new(StreamReader::new(stream));
        let target = destination.to_owned();
        let unpacked = tokio::task::spawn_blocking(move || {
            let reader: Box<dyn io::Read + Send> = Box::new(reader);
            let mut archives = tar::Archive::new(reader);
            // One follows the other.
            archives.set_ignore_zeros(true);
            unpack(&mut archives, &target)
        });
        let take = async {
            let mut piece = Some(first);
            while let Some(bytes) = piece {
                transfer.advance(bytes.len() as u64);
                // A reader that gave up says why itself.
                let _ = chunks.send(Ok(bytes)).await;
                piece = reading.next().await?;
            }
            Ok(())
        };
        let taken = both(&input, std::future::pending(), take).await;
        if taken.is_err() || reading.ended() != Ended::Status(0) {
            let _ = chunks.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
        }
        drop(chunks);
        let unpacked = unpacked.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        taken?;
        fetched(source, &reading)?;
        unpacked.map(|()| true).map_err(|error| CommunicatorError::local(destination, error))
    }
}

/// Judges the end of a command that printed what was asked for.
pub(super) fn fetched(source: &str, reading: &Reading) -> Result<(), CommunicatorError> {
    match reading.ended() {
        Ended::Status(0) if reading.is_ours() => Ok(()),
        Ended::Lost => Err(broke(&format!("{source} was read"), &reading.said())),
        Ended::Status(_) => Err(CommunicatorError::Remote(format!("could not read {source}: {}", reading.said()))),
    }
}

/// A folder under its name, or what a pattern matches. Links are followed.
async fn sftp_fetch(
    sftp: &Sftp,
    source: &str,
    destination: &Path,
    transfer: &mut Transfer,
) -> Result<(), CommunicatorError> {
    let plain = source.trim_end_matches('/');
    let (folder, name) = plain.rsplit_once('/').map_or((".", plain), |(folder, name)| (folder, name));
    let mut open = Vec::new();
    if name.contains(['*', '?', '[']) {
        let refused = |why: String| CommunicatorError::Permanent(format!("{source}: {why}"));
        if folder.contains(['*', '?', '[']) {
            return Err(refused("over SFTP only the last part of a path may be a pattern".to_owned()));
        }
        let pattern = GlobBuilder::new(name).literal_separator(true).build();
        let pattern = pattern.map_err(|error| refused(error.to_string()))?.compile_matcher();
        let folder = if folder.is_empty() { "/" } else { folder };
        for (found, kind) in sftp.list(folder).await? {
            let hidden = found.starts_with('.') && !name.starts_with('.');
            if is_name(&found) && (found == name || pattern.is_match(&found) && !hidden) {
                open.push((format!("{}/{found}", folder.trim_end_matches('/')), destination.to_owned(), found, kind));
            }
        }
        if open.is_empty() {
            return Err(refused("nothing there matches".to_owned()));
        }
    } else {
        let whole = if plain.is_empty() { "/" } else { plain };
        let named = if matches!(name, "" | "." | "..") { sftp.absolute(whole).await? } else { name.to_owned() };
        let named = named.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        open.push((whole.to_owned(), destination.to_owned(), named, sftp.stat(whole).await?));
    }
    while let Some((from, folder, name, found)) = open.pop() {
        let to = if name.is_empty() { folder } else { folder.join(&name) };
        match found {
            Found::Directory => {
                std::fs::create_dir_all(&to).map_err(|error| CommunicatorError::local(&to, error))?;
                for (name, found) in sftp.list(&from).await? {
                    if is_name(&name) {
                        open.push((format!("{}/{name}", from.trim_end_matches('/')), to.clone(), name, found));
                    }
                }
            }
            Found::File => {
                let mut file =
                    tokio::fs::File::create(&to).await.map_err(|error| CommunicatorError::local(&to, error))?;
                sftp.get(&from, &mut file, |moved| transfer.advance(moved)).await?;
                file.flush().await.map_err(|error| CommunicatorError::local(&to, error))?;
            }
            Found::Nothing if from == plain => {
                return Err(CommunicatorError::Remote(format!("could not read {source}: it is not there")));
            }
            Found::Nothing => {}
        }
    }
    Ok(())
}

/// Whether it names something in a folder. Whatever the machine says, nothing is written elsewhere.
pub(super) fn is_name(name: &str) -> bool {
    !name.contains('/') && !matches!(name, "" | "." | "..")
}
