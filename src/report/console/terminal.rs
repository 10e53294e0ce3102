//! The console of a person: a colour for each build, below the lines one status for each running build, and bars for
//! transfers that take longer than a moment.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::messages::{Message, endings, messages};
use super::stamp;
use crate::report::view::{BuildView, Transfer};
use crate::report::{Reporter, RunView};
use crate::run::event::{Event, EventKind};

/// Colours of builds in turn, and of errors, as the peer has them.
const COLOURS: [&str; 5] = ["32", "36", "35", "33", "34"];
const RED: &str = "31";
/// Transfers shorter than this get no bar.
const MOMENT: Duration = Duration::from_secs(1);
/// Statuses turn at this pace.
const PACE: Duration = Duration::from_millis(120);

pub(super) struct Terminal {
    timestamps: bool,
    colour: bool,
    text: String,
    screen: MultiProgress,
    statuses: HashMap<usize, ProgressBar>,
    bars: HashMap<(usize, String), ProgressBar>,
}

impl Terminal {
    pub(super) fn new(timestamps: bool, colour: bool) -> Self {
        Self {
            timestamps,
            colour,
            text: String::new(),
            screen: MultiProgress::with_draw_target(ProgressDrawTarget::stdout()),
            statuses: HashMap::new(),
            bars: HashMap::new(),
        }
    }

    fn print(&mut self, message: &Message, at: SystemTime) {
        let stamp = stamp(self.timestamps && message.build.is_some(), at);
        let text = shown(&message.text);
        let colour = match message.build {
            _ if !self.colour => None,
            _ if message.error => Some(RED),
            build => build.map(colour_of),
        };
        let _ = match colour {
            // Each line by itself: a pager or a scrolled window shows its colour, too.
            Some(colour) => {
                text.lines().try_for_each(|line| writeln!(self.text, "\x1b[1;{colour}m{stamp}{line}\x1b[0m"))
            }
            None => writeln!(self.text, "{stamp}{text}"),
        };
    }

    fn legend(&mut self, view: &RunView) {
        if self.colour {
            for (number, build) in view.builds.iter().enumerate() {
                let (colour, name) = (colour_of(number), &build.title.name);
                let _ = writeln!(self.text, "\x1b[1;{colour}m{name}: output will be in this color.\x1b[0m");
            }
            self.text.push('\n');
        }
    }

    /// Brings statuses and bars to what the view says.
    fn draw(&mut self, view: &RunView) {
        for (number, build) in view.builds.iter().enumerate() {
            if build.started.is_none() || build.outcome.is_some() {
                continue;
            }
            let status =
                self.statuses.entry(number).or_insert_with(|| status(&self.screen, number, build, self.colour));
            status.set_message(activity(build));
            for (id, transfer) in &build.transfers {
                let known = self.bars.contains_key(&(number, id.clone()));
                if known || transfer.since.elapsed().unwrap_or_default() > MOMENT {
                    let bar = self.bars.entry((number, id.clone()));
                    update(bar.or_insert_with(|| bar_of(&self.screen, status, transfer)), transfer);
                }
            }
        }
        let screen = &self.screen;
        let gone = |bar: &ProgressBar| {
            bar.finish_and_clear();
            screen.remove(bar);
        };
        self.bars.retain(|(number, id), bar| {
            let stays = view.builds.get(*number).is_some_and(|build| build.transfers.contains_key(id));
            if !stays {
                gone(bar);
            }
            stays
        });
        self.statuses.retain(|number, bar| {
            let stays = view.builds.get(*number).is_some_and(|build| build.outcome.is_none());
            if !stays {
                gone(bar);
            }
            stays
        });
    }
}

impl Reporter for Terminal {
    fn event(&mut self, event: &Event, view: &RunView) {
        for message in messages(event, view) {
            self.print(&message, event.at);
        }
        match event.kind {
            EventKind::RunStarted { .. } => self.legend(view),
            EventKind::RunFinished { .. } => {
                endings(view).iter().for_each(|message| self.print(message, event.at));
            }
            EventKind::Question { .. } => {
                self.flush(view);
                self.screen.set_draw_target(ProgressDrawTarget::hidden());
            }
            EventKind::Answered => self.screen.set_draw_target(ProgressDrawTarget::stdout()),
            _ => {}
        }
        if self.text.len() >= super::FULL {
            self.flush(view);
        }
    }

    fn flush(&mut self, view: &RunView) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.screen.suspend(|| {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
            });
        }
        self.draw(view);
    }

    fn tick(&mut self, view: &RunView) {
        self.draw(view);
    }
}

fn colour_of(build: usize) -> &'static str {
    COLOURS.get(build % COLOURS.len()).copied().unwrap_or(RED)
}

/// Colours of a guest's output stay; what would move the cursor or clear the screen goes.
fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c.is_control() && c != '\n' && c != '\t') {
        shown.push_str(&rest[..at]);
        rest = &rest[at..];
        let colour = rest.strip_prefix("\x1b[").and_then(|sequence| {
            let end = sequence.find(|c: char| !matches!(c, '0'..='9' | ';'))?;
            (sequence.as_bytes().get(end) == Some(&b'm')).then_some(end + 3)
        });
        let length = match colour {
            Some(length) => {
                shown.push_str(&rest[..length]);
                length
            }
            None => rest.chars().next().map_or(1, char::len_utf8),
        };
        rest = &rest[length..];
    }
    shown.push_str(rest);
    shown
}

fn status(screen: &MultiProgress, number: usize, build: &BuildView, colour: bool) -> ProgressBar {
    let bar = screen.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(match colour {
        true => format!("\x1b[1;{}m{}\x1b[0m", colour_of(number), build.title.name),
        false => build.title.name.clone(),
    });
    bar.enable_steady_tick(PACE);
    bar
}

/// What a build is at: its step, or what it said last.
fn activity(build: &BuildView) -> String {
    let activity = build.activity.lines().next().unwrap_or_default();
    shown(&match build.running_step() {
        Some(step) => {
            let place = step.title.place.as_deref().map(|place| format!(" ({place})")).unwrap_or_default();
            format!("{}{place}: {activity}", step.title.component)
        }
        None => activity.to_owned(),
    })
}

fn bar_of(screen: &MultiProgress, below: &ProgressBar, transfer: &Transfer) -> ProgressBar {
    let bar = screen.insert_after(below, ProgressBar::no_length());
    let template = match transfer.total {
        Some(_) => "    {prefix} [{bar:24}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
        None => "    {prefix} {bytes} {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_elapsed(transfer.since.elapsed().unwrap_or_default())
}

fn update(bar: &ProgressBar, transfer: &Transfer) {
    bar.set_prefix(shown(&transfer.label));
    if let Some(total) = transfer.total {
        bar.set_length(total);
    }
    bar.set_position(transfer.done);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_colour_their_lines_but_do_not_steer_the_terminal() {
        for (text, expected) in [
            ("\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m"),
            ("\x1b[2Jgone\x1b[H", "[2Jgone[H"),
            ("a\rb\x07\tc\nd", "ab\tc\nd"),
            ("\x1b]0;title\x07", "]0;title"),
            ("ends with \x1b[", "ends with ["),
            ("äö\u{9b}2J", "äö2J"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }
}
