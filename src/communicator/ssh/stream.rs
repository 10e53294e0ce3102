//! One file as the input of one command: no request of it is waited for, near or far.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt as _;

use super::{Ssh, both, broke, drain, give};
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Input, Running, quoted, quoted_path};
use crate::communicator::CommunicatorError;

/// Bytes read from a local file at once.
const CHUNK: usize = 256 << 10;
/// Status of our command when the file could not be written. Every other one but 0 means that it was not our command
/// that ran: there is no such shell.
const NOT_WRITTEN: u32 = 190;

/// What is sent as one file.
pub(super) enum Source<'a> {
    File(&'a Path),
    Bytes(Bytes),
}

impl Source<'_> {
    pub(super) fn size(&self) -> io::Result<u64> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::File(path) => Ok(std::fs::metadata(path)?.len()),
        }
    }
}

impl Ssh {
    /// Puts one file. Not done when the machine has no shell that could take it.
    pub(super) async fn stream_put(
        &self,
        source: &Source<'_>,
        mode: u32,
        destination: &str,
        transfer: &mut Transfer,
    ) -> Result<bool, CommunicatorError> {
        let text = format!(
            "f={}; if [ -e \"$f\" ] || [ -h \"$f\" ]; then cat >\"$f\"; \
             else (umask 077 && cat >\"$f\") && chmod {} \"$f\"; fi || exit {NOT_WRITTEN}",
            quoted_path(destination),
            less_umask(mode)
        );
        let command = format!("/bin/sh -c {}", quoted(&text));
        let begun = self.begin(&command, false).await;
        let Running { input, mut output } = match begun {
            Err(CommunicatorError::Remote(_)) => return Ok(false),
            begun => begun?,
        };
        let feed = async { send(&input, source, source_size(source)?, transfer).await };
        match both(&input, feed, drain(&mut output, drop)).await? {
            (Ended::Status(0), _) => Ok(true),
            (Ended::Status(NOT_WRITTEN), said) => {
                Err(CommunicatorError::Remote(format!("could not write {destination}: {said}{}", hint(&said))))
            }
            (Ended::Status(_), _) => Ok(false),
            (Ended::Lost, why) => Err(broke(&format!("{destination} was uploaded"), &why)),
        }
    }
}

/// A mode less the mask of whoever runs `chmod`: without a class, `+` spares what the mask has.
pub(super) fn less_umask(mode: u32) -> String {
    let mut text = "+rwx".to_owned();
    for (class, shift) in [("u", 6), ("g", 3), ("o", 0)] {
        let without: String = [("r", 4), ("w", 2), ("x", 1)]
            .iter()
            .filter(|(_, bit)| mode >> shift & bit == 0)
            .map(|(c, _)| *c)
            .collect();
        if !without.is_empty() {
            text.push_str(&format!(",{class}-{without}"));
        }
    }
    text
}

fn source_size(source: &Source<'_>) -> Result<u64, CommunicatorError> {
    source.size().map_err(|error| match source {
        Source::File(path) => CommunicatorError::local(path, error),
        Source::Bytes(_) => CommunicatorError::local(Path::new(""), error),
    })
}

/// Sends `size` bytes of the source. A file that shrinks meanwhile is an error; what it grows by is left out.
pub(super) async fn send(
    input: &Input,
    source: &Source<'_>,
    size: u64,
    transfer: &mut Transfer,
) -> Result<(), CommunicatorError> {
    let path = match source {
        Source::Bytes(bytes) => {
            give(input, bytes.clone()).await?;
            transfer.advance(size);
            return Ok(());
        }
        Source::File(path) => path,
    };
    let mut file = tokio::fs::File::open(path).await.map_err(|error| CommunicatorError::local(path, error))?;
    let mut left = size;
    while left > 0 {
        let mut buffer = BytesMut::zeroed(usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK)));
        let read = file.read(&mut buffer).await.map_err(|error| CommunicatorError::local(path, error))?;
        if read == 0 {
            let error = io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was uploaded");
            return Err(CommunicatorError::local(path, error));
        }
        buffer.truncate(read);
        give(input, buffer.freeze()).await?;
        transfer.advance(read as u64);
        left -= read as u64;
    }
    Ok(())
}

/// What to do about it, when that is known.
pub(super) fn hint(said: &str) -> &'static str {
    if said.contains("ermission denied") {
        "; the user may not: upload to a folder like /tmp, and move it with sudo in a shell provisioner"
    } else if said.contains("irectory nonexistent") || said.contains("o such file") {
        "; the folder does not exist: make it first, with a shell provisioner"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_what_it_takes_from_all_rights() {
        assert_eq!(less_umask(0o755), "+rwx,g-w,o-w");
        assert_eq!(less_umask(0o600), "+rwx,u-x,g-rwx,o-rwx");
        assert_eq!(less_umask(0o777), "+rwx");
    }
}
