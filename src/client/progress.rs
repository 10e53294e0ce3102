//! Progress of a transfer as events: nothing for short ones, then a few a second.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::run::BuildContext;
use crate::run::event::{EventKind, EventSender};

/// A transfer that ends sooner is not worth a progress bar.
const PATIENCE: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(100);

/// A running transfer. Tells its end when dropped, whatever the way.
pub(crate) struct Transfer {
    events: EventSender,
    label: String,
    started: Instant,
    shown: Option<Instant>,
    done: u64,
    total: Option<u64>,
    /// Bytes done and in all, by layer.
    layers: BTreeMap<String, (u64, u64)>,
}

impl Transfer {
    pub(crate) fn new(cx: &BuildContext, label: impl Into<String>, total: Option<u64>) -> Self {
        Self {
            events: cx.events.clone(),
            label: label.into(),
            started: Instant::now(),
            shown: None,
            done: 0,
            total,
            layers: BTreeMap::new(),
        }
    }

    /// So many bytes in all.
    pub(crate) fn expect(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// So many more bytes have moved.
    pub(crate) fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        self.show();
    }

    /// Where one layer of an image stands; all layers are summed.
    pub(crate) fn layer(&mut self, id: &str, done: u64, total: u64) {
        self.layers.insert(id.to_owned(), (done.min(total), total));
        self.sum();
    }

    /// The layer is complete, though the engine did not report its last bytes.
    pub(crate) fn layer_done(&mut self, id: &str) {
        if let Some((done, total)) = self.layers.get_mut(id) {
            *done = *total;
            self.sum();
        }
    }

    fn sum(&mut self) {
        self.done = self.layers.values().map(|(done, _)| done).sum();
        self.total = Some(self.layers.values().map(|(_, total)| total).sum());
        self.show();
    }

    fn show(&mut self) {
        let due = match self.shown {
            Some(last) => last.elapsed() >= INTERVAL,
            None => self.started.elapsed() >= PATIENCE,
        };
        if due {
            self.shown = Some(Instant::now());
            self.events.send(EventKind::Progress {
                id: self.label.clone(),
                label: self.label.clone(),
                done: self.done,
                total: self.total,
            });
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if self.shown.is_some() {
            self.events.send(EventKind::ProgressFinished { id: self.label.clone() });
        }
    }
}
