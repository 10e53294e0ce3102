//! The protocol of `scp`, for templates that ask for it and machines that have nothing else.
//!
//! Every message of ours is answered by one byte. Answers are not waited for one by one: a far machine would make
//! each file cost two round trips.

use std::path::Path;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use super::download::{fetched, is_name};
use super::folder::Load;
use super::reading::{Mark, Reading};
use super::stream::{Source, send};
use super::walk::Item;
use super::{ABANDON, Ssh, both, broke};
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Input, Running, quoted_path, quoted_pattern};
use crate::communicator::CommunicatorError;

/// Status of a shell that does not find the program.
const NOT_FOUND: u32 = 127;

const MISSING: &str = "the machine has no scp; install it, or set ssh_file_transfer_method = \"sftp\"";

impl Ssh {
    /// Puts one file.
    pub(super) async fn scp_put(
        &self,
        source: Source<'_>,
        mode: u32,
        destination: &str,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let mark = Mark::new();
        let command = format!("{}; scp -t {}", mark.command(), quoted_path(destination));
        let name = named(destination.rsplit('/').next().unwrap_or(destination))?.to_owned();
        let Running { input, output } = self.begin(&command, false).await?;
        scp(&input, Reading::new(output, mark), send_file(&input, &source, mode, &name, transfer)).await
    }

    /// Puts the contents of a folder into the folder `target`, which is there.
    pub(super) async fn scp_put_tree(
        &self,
        load: &Load<'_>,
        target: &str,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let mark = Mark::new();
        let command = format!("{}; scp -r -t {}", mark.command(), quoted_path(target));
        let Running { input, output } = self.begin(&command, false).await?;
        scp(&input, Reading::new(output, mark), send_tree(&input, &load.items, transfer)).await
    }

    /// Fetches a folder under its name, or what a pattern matches, into a local folder.
    pub(super) async fn scp_fetch(
        &self,
        source: &str,
        destination: &Path,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let mark = Mark::new();
        let command = format!("{}; scp -r -f {}", mark.command(), quoted_pattern(source));
        let Running { input, output } = self.begin(&command, false).await?;
        let mut reading = Reading::new(output, mark);
        let received = receive(&input, &mut reading, source, destination, transfer).await;
        if received.is_err() {
            let _ = tokio::time::timeout(ABANDON, input.abandon()).await;
        }
        received?;
        match reading.ended() {
            Ended::Status(NOT_FOUND) => Err(CommunicatorError::Remote(MISSING.to_owned())),
            _ => fetched(source, &reading),
        }
    }
}

/// Answers a message. A machine's side that ended already says why by its status.
async fn go_on(input: &Input) {
    let _ = input.write(Bytes::from_static(&[0])).await;
}

/// Takes files and folders as the machine's side sends them, each message answered.
async fn receive(
    input: &Input,
    reading: &mut Reading,
    source: &str,
    destination: &Path,
    transfer: &mut Transfer,
) -> Result<(), CommunicatorError> {
    let foreign =
        |line: &str| CommunicatorError::Remote(format!("scp on the machine sends what is no message: {line}"));
    let mut folders = vec![destination.to_owned()];
    go_on(input).await;
    while let Some(line) = reading.line().await? {
        let mut parts = line.get(1..).unwrap_or_default().splitn(3, ' ');
        let (_mode, size, name) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        let here = folders.last().ok_or_else(|| foreign(&line))?;
        match line.chars().next() {
            Some('\u{1}' | '\u{2}') => {
                return Err(CommunicatorError::Remote(format!("could not read {source}: {}", &line[1..])));
            }
            Some('E') => drop(folders.pop()),
            Some('D') if is_name(name) => {
                let folder = here.join(name);
                std::fs::create_dir_all(&folder).map_err(|error| CommunicatorError::local(&folder, error))?;
                folders.push(folder);
            }
            Some('C') if is_name(name) => {
                let path = here.join(name);
                let mut left: u64 = size.and_then(|size| size.parse().ok()).ok_or_else(|| foreign(&line))?;
                let mut file =
                    tokio::fs::File::create(&path).await.map_err(|error| CommunicatorError::local(&path, error))?;
                go_on(input).await;
                while left > 0 {
                    let Some(bytes) = reading.at_most(left).await? else { return Ok(()) };
                    left -= bytes.len() as u64;
                    transfer.advance(bytes.len() as u64);
                    file.write_all(&bytes).await.map_err(|error| CommunicatorError::local(&path, error))?;
                }
                file.flush().await.map_err(|error| CommunicatorError::local(&path, error))?;
                // How reading it went.
                match reading.at_most(1).await?.as_deref() {
                    Some([0]) => {}
                    _ => {
                        let why = reading.line().await?.unwrap_or_default();
                        return Err(CommunicatorError::Remote(format!("could not read {}: {why}", path.display())));
                    }
                }
            }
            _ => return Err(foreign(&line)),
        }
        go_on(input).await;
    }
    Ok(())
}

/// Talks to the machine's side: sends with `feed`, and looks at its answers.
async fn scp(
    input: &Input,
    mut reading: Reading,
    feed: impl Future<Output = Result<(), CommunicatorError>>,
) -> Result<(), CommunicatorError> {
    let mut complaints = Vec::new();
    let mut complaining = false;
    let answers = reading.rest(|bytes| {
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
        Ended::Status(NOT_FOUND) => Err(CommunicatorError::Remote(MISSING.to_owned())),
        Ended::Lost => Err(broke("files were uploaded", &said)),
        Ended::Status(status) => {
            let why = if complaints.is_empty() { said } else { complaints };
            Err(CommunicatorError::Remote(format!("scp on the machine failed with status {status}: {why}")))
        }
    }
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
        Source::File(path) => CommunicatorError::local(path, error),
        Source::Bytes(_) => CommunicatorError::local(Path::new(name), error),
    })?;
    input.write(Bytes::from(format!("C{:04o} {size} {name}\n", mode & 0o777))).await?;
    send(input, source, size, transfer).await?;
    Ok(input.write(Bytes::from_static(&[0])).await?)
}

async fn send_tree(input: &Input, items: &[Item], transfer: &mut Transfer) -> Result<(), CommunicatorError> {
    let mut depth = 0;
    for item in items {
        while depth >= item.inside.iter().count() {
            input.write(Bytes::from_static(b"E\n")).await?;
            depth -= 1;
        }
        let name = item.inside.file_name().unwrap_or_default().to_string_lossy();
        let name = named(&name)?;
        if item.is_folder {
            input.write(Bytes::from(format!("D{:04o} 0 {name}\n", item.mode))).await?;
            depth += 1;
        } else {
            send_file(input, &Source::File(&item.from), item.mode, name, transfer).await?;
        }
    }
    for _ in 0..depth {
        input.write(Bytes::from_static(b"E\n")).await?;
    }
    Ok(())
}
