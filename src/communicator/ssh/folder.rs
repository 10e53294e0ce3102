//! A folder as a tar stream, with what scp does to the machine: a folder that is there stays as it is, also behind a
//! link; a file that is there is written through and keeps its mode; what is new has our mode less the machine's mask.
//!
//! Into a folder that is not there yet, that is one command. Otherwise the machine is asked first what of it is there.
//! Files that are there come in a stream of their own and are copied one by one, since no two programs of the name `tar`
//! write through a file in the same way.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt as _;

use super::reading::{Mark, Reading};
use super::stream::hint;
use super::walk::Item;
use super::{Ssh, both, broke, give};
use crate::client::archive::archive;
use crate::client::progress::Transfer;
use crate::client::ssh::{Ended, Running, quoted, quoted_path};
use crate::communicator::CommunicatorError;
use crate::communicator::tree::{Tar, append_as};
use crate::communicator::wrapper::choose_target;

/// Status of a shell that does not find the program.
const NOT_FOUND: u32 = 127;

/// What the first command answers.
struct Found {
    umask: u32,
    /// Items of the list that are there.
    there: HashSet<usize>,
}

/// The folder that is sent, and where.
pub(super) struct Load<'a> {
    pub root: &'a Path,
    pub items: Arc<Vec<Item>>,
    /// Of the folder itself.
    pub mode: u32,
    pub inner: &'a str,
    pub destination: &'a str,
}

/// What of an archive is written, and under which name.
type Fill = Box<dyn FnOnce(&mut Tar) -> io::Result<()> + Send>;

impl Ssh {
    /// Sends the folder as a tar stream. Not done when the machine has no tar, or no shell.
    pub(super) async fn tar_put(&self, load: &Load<'_>, transfer: &mut Transfer) -> Result<bool, CommunicatorError> {
        let target = choose_target(&quoted_path(load.destination), load.inner);
        let mark = Mark::new();
        // The line that is read keeps a program that runs in place of our command, and waits for requests, from waiting.
        let command = format!(
            "{}; read -r _; command -v tar >/dev/null || exit {NOT_FOUND}; {target}; umask; if [ -d \"$d\" ]; then \
             echo there; cd \"$d\" && eval \"$(cat)\"; exit; fi; mkdir -p \"$d\" && echo \"new$i\" && exec tar -xmof - -C \"$d\"",
            mark.command()
        );
        let begun = self.begin(&format!("/bin/sh -c {}", quoted(&command)), false).await;
        let Running { input, output } = match begun {
            Err(CommunicatorError::Remote(_)) => return Ok(false),
            begun => begun?,
        };
        let mut reading = Reading::new(output, mark);
        // One that has ended already says why by its status.
        let _ = input.write(bytes::Bytes::from_static(b"forge\n")).await;
        let umask = reading.line().await?.and_then(|line| u32::from_str_radix(line.trim(), 8).ok());
        let state = reading.line().await?;
        let (Some(umask), Some(state)) = (umask, state) else {
            let (ended, said) = reading.rest(drop).await?;
            return match ended {
                Ended::Status(NOT_FOUND) => Ok(false),
                Ended::Status(_) if !reading.is_ours() => Ok(false),
                ended => done(load, ended, &said),
            };
        };
        if state.starts_with("new") {
            let items = Arc::clone(&load.items);
            let root = load.mode & !umask;
            let fill = Box::new(move |tar: &mut Tar| {
                append_folder(tar, Path::new("."), root | 0o700)?;
                append_new(tar, &items, &HashSet::new(), umask)
            });
            let running = Running { input, output: reading.into_output() };
            self.feed(load, running, fill, transfer).await?;
            // It is there now, and is no folder that another one goes into.
            let target = if state == "new" { format!("d={}", quoted_path(load.destination)) } else { target };
            let found = Found { umask, there: HashSet::new() };
            self.close_folders(load, &target, &found, Some(root)).await?;
            return Ok(true);
        }
        let questions = async { give(&input, list(&load.items).into()).await };
        let mut answer = Vec::new();
        let (ended, said) = both(&input, questions, reading.rest(|bytes| answer.extend_from_slice(&bytes))).await?;
        let answer = String::from_utf8_lossy(&answer);
        if ended != Ended::Status(0) || !answer.ends_with("end\n") {
            return done(load, ended, &said);
        }
        let found = Found { umask, there: understood(load, &answer)? };
        self.put_beside(load, &target, &found, transfer).await?;
        self.put_over(load, &target, &found, transfer).await?;
        self.close_folders(load, &target, &found, None).await?;
        Ok(true)
    }

    /// What is not there yet.
    async fn put_beside(
        &self,
        load: &Load<'_>,
        target: &str,
        found: &Found,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        if found.there.len() == load.items.len() {
            return Ok(());
        }
        let (items, there, umask) = (Arc::clone(&load.items), found.there.clone(), found.umask);
        // That of BSD goes through links to folders by this option only, which others have not.
        let command = format!(
            "{target}; p=; case $(tar --version 2>&1 </dev/null) in *bsdtar*) p=-P;; esac; \
             exec tar -xmo $p -f - -C \"$d\""
        );
        let running = self.begin(&format!("/bin/sh -c {}", quoted(&command)), false).await?;
        let fill = Box::new(move |tar: &mut Tar| append_new(tar, &items, &there, umask));
        self.feed(load, running, fill, transfer).await.map(drop)
    }

    /// Files that are there: unpacked in a folder of ours, and copied by a script that comes last, once all are.
    async fn put_over(
        &self,
        load: &Load<'_>,
        target: &str,
        found: &Found,
        transfer: &mut Transfer,
    ) -> Result<(), CommunicatorError> {
        let mut over: Vec<_> = found.there.iter().copied().filter(|&at| !load.items[at].is_folder).collect();
        if over.is_empty() {
            return Ok(());
        }
        over.sort_unstable();
        let command = format!(
            "t=${{TMPDIR:-/tmp}}/forge-{:016x}; (umask 077 && mkdir \"$t\") || exit; trap 'rm -rf \"$t\"' EXIT; \
             trap 'exit 1' HUP INT TERM; {target}; tar -xmof - -C \"$t\" && cd \"$d\" && . \"$t/copy\"",
            rand::random::<u64>()
        );
        let running = self.begin(&format!("/bin/sh -c {}", quoted(&command)), false).await?;
        let items = Arc::clone(&load.items);
        let fill = Box::new(move |tar: &mut Tar| {
            let mut copy = b"c() { cat <\"$t/$1\" >\"./$2\" || exit 1; }\n".to_vec();
            for at in over {
                append_as(tar, &items[at].from, Path::new(&at.to_string()), |header| header.set_mode(0o600))?;
                copy.extend(call("c", at, &items[at]));
            }
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o600);
            header.set_size(copy.len() as u64);
            tar.append_data(&mut header, "copy", copy.as_slice())
        });
        self.feed(load, running, fill, transfer).await.map(drop)
    }

    /// Folders that were made and that their owner may not write to get their mode once they are full: not every tar
    /// waits with that.
    async fn close_folders(
        &self,
        load: &Load<'_>,
        target: &str,
        found: &Found,
        root: Option<u32>,
    ) -> Result<(), CommunicatorError> {
        let is_closed = |mode: u32| mode & 0o700 != 0o700;
        let mut script = Vec::new();
        for (at, item) in load.items.iter().enumerate().rev() {
            let mode = item.mode & !found.umask;
            if item.is_folder && is_closed(mode) && !found.there.contains(&at) {
                script.extend(call("m", format_args!("{mode:o}"), item));
            }
        }
        if let Some(mode) = root.filter(|mode| is_closed(*mode)) {
            script.extend_from_slice(format!("m {mode:o} .\n").as_bytes());
        }
        if script.is_empty() {
            return Ok(());
        }
        script.splice(..0, b"m() { chmod \"$1\" \"./$2\" || exit; }\n".iter().copied());
        let command = format!("{target}; cd \"$d\" && eval \"$(cat)\"");
        let Running { input, mut output } = self.begin(&format!("/bin/sh -c {}", quoted(&command)), false).await?;
        let feed = async { give(&input, script.into()).await };
        let (ended, said) = both(&input, feed, super::drain(&mut output, drop)).await?;
        done(load, ended, &said).map(drop)
    }

    /// Sends an archive to the command that unpacks it.
    async fn feed(
        &self,
        load: &Load<'_>,
        Running { input, mut output }: Running,
        fill: Fill,
        transfer: &mut Transfer,
    ) -> Result<bool, CommunicatorError> {
        let (body, task) = archive(fill).split();
        let mut body = std::pin::pin!(body);
        let feed = async {
            while let Some(chunk) = body.next().await {
                let chunk = chunk.map_err(|error| CommunicatorError::local(load.root, error))?;
                let size = chunk.len() as u64;
                give(&input, chunk).await?;
                transfer.advance(size);
            }
            Ok(())
        };
        match both(&input, feed, super::drain(&mut output, drop)).await {
            Ok((ended, said)) => done(load, ended, &said),
            Err(CommunicatorError::Local { path, source }) => match task.error().await {
                Some(error) => Err(CommunicatorError::Local { path, source: error }),
                None => Err(CommunicatorError::Local { path, source }),
            },
            Err(error) => Err(error),
        }
    }
}

fn done(load: &Load<'_>, ended: Ended, said: &str) -> Result<bool, CommunicatorError> {
    match ended {
        Ended::Status(0) => Ok(true),
        Ended::Lost => Err(broke(&format!("{} was uploaded", load.root.display()), said)),
        Ended::Status(status) => Err(CommunicatorError::Remote(format!(
            "the folder {} could not be unpacked at {} (status {status}): {said}{}",
            load.root.display(),
            load.destination,
            hint(said)
        ))),
    }
}

/// Shell text that prints the number of each item that is there.
fn list(items: &[Item]) -> Vec<u8> {
    let mut text = b"d() { if [ -d \"./$2\" ]; then echo \"$1\"; else f \"$1 no\" \"$2\"; fi; }\n\
        f() { if [ -e \"./$2\" ] || [ -h \"./$2\" ]; then echo \"$1\"; fi; }\n"
        .to_vec();
    for (at, item) in items.iter().enumerate() {
        text.extend(call(if item.is_folder { "d" } else { "f" }, at, item));
    }
    text.extend_from_slice(b"echo end\n");
    text
}

/// A line that calls a function of the shell with a number and a path, whose name may be any.
fn call(function: &str, number: impl std::fmt::Display, item: &Item) -> Vec<u8> {
    let mut line = format!("{function} {number} '").into_bytes();
    for byte in item.name() {
        match byte {
            b'\'' => line.extend_from_slice(b"'\\''"),
            byte => line.push(byte),
        }
    }
    line.extend_from_slice(b"'\n");
    line
}

fn understood(load: &Load<'_>, answer: &str) -> Result<HashSet<usize>, CommunicatorError> {
    let mut there = HashSet::new();
    for line in answer.lines().filter(|line| *line != "end") {
        let (number, in_the_way) = match line.strip_suffix(" no") {
            Some(number) => (number, true),
            None => (line, false),
        };
        let known = number.parse().ok().filter(|&at: &usize| at < load.items.len());
        let Some(at) = known else { continue };
        if in_the_way {
            let (inside, destination) = (load.items[at].inside.display(), load.destination);
            let text = format!("{inside} is a folder here, and something else at {destination} on the machine");
            return Err(CommunicatorError::Permanent(text));
        }
        there.insert(at);
    }
    Ok(there)
}

/// Appends what is not there. Folders are open to their owner until all is in them.
fn append_new(tar: &mut Tar, items: &[Item], there: &HashSet<usize>, umask: u32) -> io::Result<()> {
    for (_, item) in items.iter().enumerate().filter(|(at, _)| !there.contains(at)) {
        let mode = item.mode & !umask;
        match item.is_folder {
            true => append_folder(tar, &item.inside, mode | 0o700)?,
            false => append_as(tar, &item.from, &item.inside, |header| header.set_mode(mode))?,
        }
    }
    Ok(())
}

fn append_folder(tar: &mut Tar, name: &Path, mode: u32) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(mode);
    header.set_size(0);
    tar.append_data(&mut header, name, io::empty())
}
