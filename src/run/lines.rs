//! Bytes printed by a command, cut into lines and sent as output events.

use super::event::{EventKind, EventSender, Stream};

/// A line longer than this, in bytes, is sent in pieces.
const LONGEST: usize = 1 << 20;

/// Collects the bytes of one stream. `finish` sends what is left; dropping without it loses an unfinished line.
#[derive(Debug)]
pub(crate) struct LineWriter {
    events: EventSender,
    stream: Stream,
    held: Vec<u8>,
}

impl LineWriter {
    pub(crate) fn new(events: EventSender, stream: Stream) -> Self {
        Self { events, stream, held: Vec::new() }
    }

    /// Takes a chunk; sends each line that it completes. Waits while reporters are far behind.
    pub(crate) async fn write(&mut self, mut chunk: &[u8]) {
        self.events.ready().await;
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.held.extend_from_slice(&chunk[..end]);
            chunk = &chunk[end + 1..];
            let line = std::mem::take(&mut self.held);
            self.send(&line);
        }
        self.held.extend_from_slice(chunk);
        // What is kept back holds the start of any secret that the next chunk may complete.
        let keep = self.events.redactor().longest();
        while self.held.len() > LONGEST + keep {
            let cut = self.events.redactor().place_to_cut(&self.held, self.held.len() - keep);
            if cut == 0 {
                break;
            }
            let piece: Vec<u8> = self.held.drain(..cut).collect();
            self.send(&piece);
        }
    }

    /// Sends the last line if it had no line end.
    pub(crate) fn finish(mut self) {
        if !self.held.is_empty() {
            let line = std::mem::take(&mut self.held);
            self.send(&line);
        }
    }

    /// Text that is not UTF-8 is shown with replacement characters; a carriage return at the end is dropped.
    fn send(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        self.events.send(EventKind::Output { stream: self.stream, line });
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{EventReceiver, channel};
    use super::*;
    use crate::secret::Redactor;

    async fn lines(mut receiver: EventReceiver) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(event) = receiver.next().await {
            if let EventKind::Output { line, .. } = event.kind {
                lines.push(line);
            }
        }
        lines
    }

    #[tokio::test]
    async fn lines_are_cut_across_chunks_and_decoded() {
        let (sender, receiver) = channel(Redactor::new());
        let mut writer = LineWriter::new(sender, Stream::Stdout);
        for chunk in [&b"a\r\nb"[..], b"c\n\xff", b"\nlast"] {
            writer.write(chunk).await;
        }
        writer.finish();
        assert_eq!(lines(receiver).await, ["a", "bc", "\u{fffd}", "last"]);
    }

    #[tokio::test]
    async fn a_giant_line_comes_in_pieces_and_hides_secrets_on_every_border() {
        let redactor = Redactor::new();
        redactor.add("hunter2-hunter2");
        let (sender, receiver) = channel(redactor);
        let mut writer = LineWriter::new(sender, Stream::Stdout);
        let text = "x-hunter2-hunter2".repeat(200_000);
        for chunk in text.as_bytes().chunks(4099) {
            writer.write(chunk).await;
        }
        writer.finish();
        let shown = lines(receiver).await.concat();
        assert!(!shown.contains("hunter2"), "a secret came through");
        assert!(shown.len() > 200_000);
    }
}
