//! What people and programs see of a run: events fold into a [`RunView`], and reporters show events and view.
//!
//! One task reads the run's channel and feeds every reporter in order. A reporter that cannot write goes on without
//! it: a closed pipe or a full disk never ends a build.

pub(crate) mod change;
mod console;
mod duration;
mod gantt;
pub(crate) mod github;
mod join;
mod markdown;
mod marks;
mod outcome;
mod parts;
mod published;
pub(crate) mod record;
mod sbom;
mod summary;
mod view;

use std::time::Duration;

pub(crate) use console::{ConsoleOptions, console, machine_line};
pub(crate) use join::{Jobs, join};
pub(crate) use marks::{Marked, marks};
pub(crate) use published::published;
pub(crate) use record::{About, Matrix, Record};
pub(crate) use sbom::{sboms, write_sboms};
pub(crate) use summary::{summary, unsaid};
pub(crate) use view::RunView;

use crate::run::event::{Event, EventReceiver};

/// Reporters with something to draw between events do it this often.
const TICK: Duration = Duration::from_millis(250);

/// A way to show a run.
pub(crate) trait Reporter {
    /// Takes an event; the view holds it already.
    fn event(&mut self, event: &Event, view: &RunView);

    /// No event is waiting: write what is held back.
    fn flush(&mut self, _: &RunView) {}

    /// Time passes without events.
    fn tick(&mut self, _: &RunView) {}
}

/// Feeds every event to the view and the reporters, until the last sender is gone.
pub(crate) async fn run(mut receiver: EventReceiver, mut reporters: Vec<Box<dyn Reporter + Send>>) -> RunView {
    let mut view = RunView::default();
    loop {
        match tokio::time::timeout(TICK, receiver.next()).await {
            Ok(Some(event)) => {
                view.apply(&event);
                reporters.iter_mut().for_each(|reporter| reporter.event(&event, &view));
                if receiver.is_empty() {
                    reporters.iter_mut().for_each(|reporter| reporter.flush(&view));
                }
            }
            Ok(None) => break,
            Err(_) => reporters.iter_mut().for_each(|reporter| reporter.tick(&view)),
        }
    }
    reporters.iter_mut().for_each(|reporter| reporter.flush(&view));
    view
}
