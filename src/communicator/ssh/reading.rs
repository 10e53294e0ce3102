//! The output of a command of ours, read as an answer: from its mark on, and not for ever.
//!
//! Start files of a login shell may print on every login. A mark that no text has by chance tells where the command's
//! own output begins.

use bytes::{Bytes, BytesMut};

use super::{STALLED, Tail};
use crate::client::ssh::{Ended, Output, Piece};
use crate::communicator::CommunicatorError;

/// The line that precedes a command's own output.
pub(super) struct Mark {
    line: Vec<u8>,
    seen: bool,
    /// The end of what came before, in which the mark may have begun.
    held: Vec<u8>,
}

impl Mark {
    pub(super) fn new() -> Self {
        Self { line: format!("forge-{:016x}\n", rand::random::<u64>()).into_bytes(), seen: false, held: Vec::new() }
    }

    /// The command that prints it, in any shell.
    pub(super) fn command(&self) -> String {
        format!("echo {}", String::from_utf8_lossy(&self.line).trim_end())
    }

    /// What of a piece of output is the command's own.
    pub(super) fn strip(&mut self, piece: Bytes) -> Bytes {
        if self.seen {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        match self.held.windows(self.line.len()).position(|part| part == self.line) {
            Some(at) => {
                self.seen = true;
                Bytes::from(std::mem::take(&mut self.held)).slice(at + self.line.len()..)
            }
            None => {
                self.held.drain(..self.held.len().saturating_sub(self.line.len()));
                Bytes::new()
            }
        }
    }
}

pub(super) struct Reading {
    output: Output,
    mark: Mark,
    /// Read and not taken yet.
    held: BytesMut,
    said: Tail,
}

impl Reading {
    pub(super) fn new(output: Output, mark: Mark) -> Self {
        Self { output, mark, held: BytesMut::new(), said: Tail(Vec::new()) }
    }

    /// The next bytes; none when the command has ended.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, CommunicatorError> {
        if !self.held.is_empty() {
            return Ok(Some(self.held.split().freeze()));
        }
        loop {
            let Ok(piece) = tokio::time::timeout(STALLED, self.output.next()).await else {
                let text = format!("the machine is there, but its command says nothing for {} s", STALLED.as_secs());
                return Err(CommunicatorError::Permanent(text));
            };
            match piece {
                None => return Ok(None),
                Some(Piece::Err(bytes)) => self.said.push(&bytes),
                Some(Piece::Out(bytes)) => {
                    let own = self.mark.strip(bytes);
                    if !own.is_empty() {
                        return Ok(Some(own));
                    }
                }
            }
        }
    }

    /// At most so many of the next bytes.
    pub(super) async fn at_most(&mut self, most: u64) -> Result<Option<Bytes>, CommunicatorError> {
        let Some(mut piece) = self.next().await? else { return Ok(None) };
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        if piece.len() > most {
            let rest = piece.split_off(most);
            self.held.extend_from_slice(&rest);
        }
        Ok(Some(piece))
    }

    /// The next line, without its end. None when the command ended before its end, or when it is no line of ours.
    pub(super) async fn line(&mut self) -> Result<Option<String>, CommunicatorError> {
        /// Longer than any path, in bytes.
        const LONGEST: usize = 64 << 10;
        let mut line = BytesMut::new();
        loop {
            let Some(piece) = self.next().await? else { return Ok(None) };
            line.extend_from_slice(&piece);
            if let Some(end) = line.iter().position(|&byte| byte == b'\n') {
                self.held = line.split_off(end + 1);
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if line.len() > LONGEST {
                return Ok(None);
            }
        }
    }

    /// Reads to the end. Yields how the command ended, and what it said on stderr or why the connection was lost.
    pub(super) async fn rest(&mut self, mut take: impl FnMut(Bytes)) -> Result<(Ended, String), CommunicatorError> {
        while let Some(bytes) = self.next().await? {
            take(bytes);
        }
        Ok((self.output.ended(), self.said()))
    }

    /// The output, when what is left of it is no answer.
    pub(super) fn into_output(self) -> Output {
        self.output
    }

    /// Whether it was our command that ran.
    pub(super) fn is_ours(&self) -> bool {
        self.mark.seen
    }

    pub(super) fn ended(&self) -> Ended {
        self.output.ended()
    }

    pub(super) fn said(&self) -> String {
        match (self.output.ended(), self.output.why_lost()) {
            (Ended::Lost, Some(why)) => why.to_owned(),
            _ => self.said.text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_before_the_mark_is_dropped() {
        for cut in 1..40 {
            let mut mark = Mark::new();
            let text = [b"noise\nforge-no", mark.line.as_slice(), b"content", mark.line.as_slice()].concat();
            let mut own = Vec::new();
            for piece in text.chunks(cut) {
                own.extend_from_slice(&mark.strip(Bytes::copy_from_slice(piece)));
            }
            assert_eq!(own, [b"content", mark.line.as_slice()].concat(), "{cut}");
        }
    }
}
