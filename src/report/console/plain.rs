//! The console of a log file or pipe: the peer's lines and nothing else.

use super::messages::{endings, messages};
use super::{Page, stamp};
use crate::report::{Reporter, RunView};
use crate::run::event::{Event, EventKind};

pub(super) struct Plain {
    page: Page,
    timestamps: bool,
}

impl Plain {
    pub(super) fn new(page: Page, timestamps: bool) -> Self {
        Self { page, timestamps }
    }
}

impl Reporter for Plain {
    fn event(&mut self, event: &Event, view: &RunView) {
        for message in messages(event, view) {
            let stamp = stamp(self.timestamps && message.build.is_some(), event.at);
            self.page.line(&format!("{stamp}{}", message.text));
        }
        if matches!(event.kind, EventKind::RunFinished { .. }) {
            endings(view).iter().for_each(|message| self.page.line(&message.text));
        }
    }

    fn flush(&mut self, _: &RunView) {
        self.page.flush();
    }
}
