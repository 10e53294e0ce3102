//! Downloads: one file over SFTP, a folder as a tar stream, and what the machine has instead.

use std::io;
use std::path::Path;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::upload::known_to_sftp;
use super::{Method, Ssh, Tail, both, broke};
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Found, Piece, Running, Sftp, quoted_path, sftp_path};
use crate::communicator::CommunicatorError;
use crate::communicator::tree::unpack;
use crate::run::BuildContext;

/// Chunks that wait to be unpacked.
const WAITING: usize = 16;

impl Ssh {
    pub(super) async fn fetch_file(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let mut transfer = Transfer::new(cx, format!("Downloading {source}"), None);
        let file = tokio::fs::File::create(destination).await.map_err(|error| local(destination, error))?;
        let mut file = tokio::io::BufWriter::with_capacity(1 << 20, file);
        let mut fetched = self.fetch_into(source, &mut file, &mut transfer).await;
        if fetched.is_ok() {
            fetched = file.flush().await.map_err(|error| local(destination, error));
        }
        if fetched.is_err() {
            // Half a file must not pass for a whole one.
            let _ = tokio::fs::remove_file(destination).await;
        }
        fetched.map_err(|error| match error {
            CommunicatorError::Local { source, .. } => local(destination, source),
            other => other,
        })
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
        let command = format!("cat {}", quoted_path(source));
        let Running { input, mut output } = self.begin(&command, false).await?;
        let mut said = Tail(Vec::new());
        let take = async {
            while let Some(piece) = output.next().await {
                match piece {
                    Piece::Out(bytes) => {
                        file.write_all(&bytes).await.map_err(|error| local(Path::new(""), error))?;
                        transfer.advance(bytes.len() as u64);
                    }
                    Piece::Err(bytes) => said.push(&bytes),
                }
            }
            Ok(output.ended())
        };
        match both(&input, async { Ok(()) }, take).await? {
            Ended::Status(0) => Ok(()),
            Ended::Lost => Err(broke(&format!("{source} was read"), output.why_lost().unwrap_or_default())),
            Ended::Status(_) => Err(CommunicatorError::Remote(format!("could not read {source}: {}", said.text()))),
        }
    }

    pub(super) async fn fetch_directory(
        &self,
        source: &str,
        destination: &Path,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let mut transfer = Transfer::new(cx, format!("Downloading {source}"), None);
        std::fs::create_dir_all(destination).map_err(|error| local(destination, error))?;
        if self.config().method != Method::Sftp && self.tar_fetch(source, destination, &mut transfer).await? {
            return Ok(());
        }
        let sftp = self.sftp().await?;
        sftp_fetch(&sftp, known_to_sftp(source)?.trim_end_matches('/'), destination, &mut transfer).await
    }

    /// Unpacks a tar stream as it comes. Not done when the machine has no tar.
    async fn tar_fetch(
        &self,
        source: &str,
        destination: &Path,
        transfer: &mut Transfer,
    ) -> Result<bool, CommunicatorError> {
        let (chunks, mut waiting) = mpsc::channel::<io::Result<Bytes>>(WAITING);
        let stream = futures_util::stream::poll_fn(move |cx| waiting.poll_recv(cx));
        let reader = SyncIoBridge::new(StreamReader::new(stream));
        let target = destination.to_owned();
        let unpacked = tokio::task::spawn_blocking(move || {
            let reader: Box<dyn io::Read + Send> = Box::new(reader);
            unpack(&mut tar::Archive::new(reader), &target)
        });
        // The archive's names begin with `./`, the one folder that unpacking takes off.
        let command = format!("tar -cf - -C {} .", quoted_path(source));
        let Running { input, mut output } = self.begin(&command, false).await?;
        let mut said = Tail(Vec::new());
        let take = async {
            while let Some(piece) = output.next().await {
                match piece {
                    Piece::Out(bytes) => {
                        transfer.advance(bytes.len() as u64);
                        // A reader that gave up says why itself.
                        let _ = chunks.send(Ok(bytes)).await;
                    }
                    Piece::Err(bytes) => said.push(&bytes),
                }
            }
            Ok(output.ended())
        };
        let ended = both(&input, async { Ok(()) }, take).await;
        let status = match &ended {
            Ok(ended) => *ended,
            Err(_) => Ended::Lost,
        };
        if status != Ended::Status(0) {
            let _ = chunks.send(Err(io::ErrorKind::UnexpectedEof.into())).await;
        }
        drop(chunks);
        let unpacked = unpacked.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        match ended? {
            Ended::Status(127) => Ok(false),
            Ended::Status(0) => unpacked.map(|()| true).map_err(|error| local(destination, error)),
            Ended::Lost => Err(broke(&format!("{source} was read"), output.why_lost().unwrap_or_default())),
            Ended::Status(_) => Err(CommunicatorError::Remote(format!("could not read {source}: {}", said.text()))),
        }
    }
}

async fn sftp_fetch(
    sftp: &Sftp,
    source: &str,
    destination: &Path,
    transfer: &mut Transfer,
) -> Result<(), CommunicatorError> {
    let mut open = vec![(source.to_owned(), destination.to_owned())];
    while let Some((from, to)) = open.pop() {
        std::fs::create_dir_all(&to).map_err(|error| local(&to, error))?;
        for (name, found) in sftp.list(&from).await? {
            // Whatever the machine says, nothing is written elsewhere.
            if name.contains('/') || matches!(name.as_str(), "" | "." | "..") {
                continue;
            }
            let (inside, path) = (format!("{from}/{name}"), to.join(&name));
            match found {
                Found::Directory => open.push((inside, path)),
                Found::File => {
                    let mut file = tokio::fs::File::create(&path).await.map_err(|error| local(&path, error))?;
                    sftp.get(&inside, &mut file, |moved| transfer.advance(moved)).await?;
                    file.flush().await.map_err(|error| local(&path, error))?;
                }
                Found::Nothing => {}
            }
        }
    }
    Ok(())
}

fn local(path: &Path, source: io::Error) -> CommunicatorError {
    CommunicatorError::Local { path: path.display().to_string(), source }
}
