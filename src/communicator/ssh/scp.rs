//! The protocol of `scp`, for templates that ask for it and machines that have nothing else.
//!
//! Every message of ours is answered by one byte. Answers are not waited for one by one: a far machine would make
//! each file cost two round trips.

use std::io;
use std::path::Path;

use bytes::Bytes;

use super::stream::{Source, send};
use super::{Ssh, both, broke, drain};
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Input, Output, Running, quoted_path};
use crate::communicator::CommunicatorError;

impl Ssh {
    /// Puts one file.
    pub(super) async fn scp_put(
        &self,
        source: Source<'_>,
        mode: u32,
        destination: &str,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let command = format!("scp -t {}", quoted_path(destination));
        let name = named(destination.rsplit('/').next().unwrap_or(destination))?.to_owned();
        let Running { input, output } = self.begin(&command, false).await?;
        scp(&input, output, send_file(&input, &source, mode, &name, transfer)).await
    }

    /// Puts the contents of a folder into the folder `destination`, which is there.
    pub(super) async fn scp_put_tree(
        &self,
        root: &Path,
        destination: &str,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let command = format!("scp -r -t {}", quoted_path(destination));
        let Running { input, output } = self.begin(&command, false).await?;
        scp(&input, output, send_tree(&input, root, transfer)).await
    }
}

/// Talks to the machine's side: sends with `feed`, and looks at its answers.
async fn scp(
    input: &Input,
    mut output: Output,
    feed: impl Future<Output = Result<(), CommunicatorError>>,
) -> Result<(), CommunicatorError> {
    let mut complaints = Vec::new();
    let mut complaining = false;
    let answers = drain(&mut output, |bytes| {
        for byte in bytes {
            match byte {
                0 if !complaining => {}
                1 | 2 if !complaining => complaining = true,
                b'\n' if complaining => {
                    complaining = false;
                    complaints.push(b'\n');
                }
                other => complaints.push(other),
            }
        }
    });
    let (ended, said) = both(input, feed, answers).await?;
    let complaints = String::from_utf8_lossy(&complaints).trim().replace('\n', "; ");
    match ended {
        Ended::Status(0) if complaints.is_empty() => Ok(()),
        Ended::Status(127) => Err(CommunicatorError::Remote(
            "the machine has no scp; install it, or set ssh_file_transfer_method = \"sftp\"".to_owned(),
        )),
        Ended::Lost => Err(broke("files were uploaded", &said)),
        Ended::Status(status) => {
            let why = if complaints.is_empty() { said } else { complaints };
            Err(CommunicatorError::Remote(format!("scp on the machine failed with status {status}: {why}")))
        }
    }
}

fn local(path: &Path, source: io::Error) -> CommunicatorError {
    CommunicatorError::Local { path: path.display().to_string(), source }
}

/// The name as a message has it, which ends with its line.
fn named(name: &str) -> Result<&str, CommunicatorError> {
    match name.contains('\n') {
        true => Err(CommunicatorError::Permanent(format!(
            "scp has no way to name {name:?}, which has a line break; set ssh_file_transfer_method = \"sftp\""
        ))),
        false => Ok(name),
    }
}

async fn send_file(
    input: &Input,
    source: &Source<'_>,
    mode: u32,
    name: &str,
    transfer: &mut Transfer,
) -> Result<(), CommunicatorError> {
    let size = source.size().map_err(|error| match source {
        Source::File(path) => local(path, error),
        Source::Bytes(_) => local(Path::new(name), error),
    })?;
    input.write(Bytes::from(format!("C{:04o} {size} {name}\n", mode & 0o7777))).await?;
    send(input, source, size, transfer).await?;
    Ok(input.write(Bytes::from_static(&[0])).await?)
}

async fn send_tree(input: &Input, root: &Path, transfer: &mut Transfer) -> Result<(), CommunicatorError> {
    let mut depth = 0;
    for entry in walkdir::WalkDir::new(root).min_depth(1).follow_links(true).sort_by_file_name() {
        let entry = entry.map_err(|error| local(root, error.into()))?;
        while depth >= entry.depth() {
            input.write(Bytes::from_static(b"E\n")).await?;
            depth -= 1;
        }
        let found = entry.metadata().map_err(|error| local(entry.path(), error.into()))?;
        let name = entry.file_name().to_string_lossy();
        let name = named(&name)?;
        let mode = crate::communicator::tree::mode_of(&found);
        if found.is_dir() {
            input.write(Bytes::from(format!("D{:04o} 0 {name}\n", mode & 0o7777))).await?;
            depth += 1;
        } else if found.is_file() {
            send_file(input, &Source::File(entry.path()), mode, name, transfer).await?;
        }
    }
    for _ in 0..depth {
        input.write(Bytes::from_static(b"E\n")).await?;
    }
    Ok(())
}
