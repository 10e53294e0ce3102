//! How it is told what became of a build: by a check run, where that is refused by a commit status, and where that is
//! refused too by neither.

use std::collections::BTreeSet;

use crate::client::github::{CheckRun, GithubError, Status};
use crate::report::markdown::cut;

/// GitHub takes 255 characters.
const CONTEXT: usize = 255;
/// GitHub takes 140 characters.
const DESCRIPTION: usize = 140;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Check,
    Status,
}

/// Which ways are open: a refusal is one for the whole run, or for one name.
#[derive(Debug)]
pub(super) struct Channels {
    checks: bool,
    statuses: bool,
    /// No check runs of these names.
    no_check: BTreeSet<String>,
    /// Nor statuses.
    no_status: BTreeSet<String>,
    /// Why one of them is closed.
    without_checks: Option<GithubError>,
    without_statuses: Option<GithubError>,
    refused: Vec<Refused>,
}

/// What was refused by itself, those together that were for the same reason.
#[derive(Debug)]
struct Refused {
    way: Way,
    error: GithubError,
    names: Vec<String>,
}

/// Of more it is told how many they are.
const NAMES: usize = 3;

impl Refused {
    fn told(&self) -> String {
        let Self { way, error, names } = self;
        let (what, many, done) = match way {
            Way::Check => ("check run", "check runs", "be brought up to date"),
            Way::Status => ("commit status", "commit statuses", "be set"),
        };
        let quoted: Vec<String> = names.iter().take(NAMES).map(|name| format!("{name:?}")).collect();
        let quoted = quoted.join(", ");
        match names.len() {
            1 => format!("the {what} {quoted} could not {done}: {error}"),
            count @ ..=NAMES => format!("{count} {many} could not {done}: {error} ({quoted})"),
            count => format!("{count} {many} could not {done}: {error} ({quoted} and {} more)", count - NAMES),
        }
    }
}

impl Channels {
    pub(super) fn new(wanted: bool) -> Self {
        Self {
            checks: wanted,
            statuses: wanted,
            no_check: BTreeSet::new(),
            no_status: BTreeSet::new(),
            without_checks: None,
            without_statuses: None,
            refused: Vec::new(),
        }
    }

    pub(super) fn has_checks(&self) -> bool {
        self.checks
    }

    pub(super) fn is_open(&self) -> bool {
        self.checks || self.statuses
    }

    /// How the thing of that name is to be told, if it can be.
    pub(super) fn way(&self, name: &str) -> Option<Way> {
        match () {
            () if self.checks && !self.no_check.contains(name) => Some(Way::Check),
            () if self.statuses && !self.no_status.contains(name) => Some(Way::Status),
            () => None,
        }
    }

    /// A channel that is refused stays closed; one check run that GitHub does not take is only that one, where it took
    /// others. `first` when none was taken before. What passes is no reason for another channel: the post step tries again.
    pub(super) fn refuse_check(&mut self, name: &str, error: &GithubError, first: bool) {
        if first {
            self.checks = false;
            // A token that is no good for one is no good for the other.
            self.statuses = error.is_final() && !matches!(error, GithubError::Unauthorized(_));
            self.without_checks = Some(error.clone());
            return;
        }
        self.refuse(Way::Check, name, error);
        self.no_check.insert(name.to_owned());
        if !error.is_final() {
            self.no_status.insert(name.to_owned());
        }
    }

    /// The same for a status.
    pub(super) fn refuse_status(&mut self, name: &str, error: &GithubError, first: bool) {
        if first || closes(error) {
            self.statuses = false;
            self.without_statuses = Some(error.clone());
            return;
        }
        self.refuse(Way::Status, name, error);
        self.no_status.insert(name.to_owned());
    }

    /// It has ended without all that it had to say: no status of the same name stands beside it.
    pub(super) fn shorten_check(&mut self, name: &str, error: &GithubError) {
        self.refuse_check(name, error, false);
        self.no_status.insert(name.to_owned());
    }

    fn refuse(&mut self, way: Way, name: &str, error: &GithubError) {
        match self.refused.iter_mut().find(|refused| refused.way == way && refused.error == *error) {
            Some(refused) => refused.names.push(name.to_owned()),
            None => self.refused.push(Refused { way, error: error.clone(), names: vec![name.to_owned()] }),
        }
    }

    /// What the person should know. `by_status` when statuses were set.
    pub(super) fn notices(self, by_status: bool) -> Vec<String> {
        let checks = self.without_checks.map(|error| (wants(&error, "checks: write"), error));
        let statuses = self.without_statuses.map(|error| (wants(&error, "statuses: write"), error));
        // Permissions first: the end of a notice may be cut.
        let closed = match (checks, statuses) {
            (Some((checks, error)), Some((statuses, other))) => {
                let other = if error == other { String::new() } else { format!("; {other}") };
                Some(format!("no check runs were made{checks}, nor commit statuses{statuses}: {error}{other}"))
            }
            (Some((checks, error)), None) if by_status => {
                Some(format!("commit statuses tell of the builds, no check runs were made{checks}: {error}"))
            }
            (Some((checks, error)), None) => Some(format!("no check runs were made{checks}: {error}")),
            (None, Some((statuses, error))) => Some(format!("no commit statuses were set{statuses}: {error}")),
            (None, None) => None,
        };
        closed.into_iter().chain(self.refused.iter().map(Refused::told)).collect()
    }
}

/// Whatever else is asked for by this way is refused as well.
fn closes(error: &GithubError) -> bool {
    may_be_lacking(error) || matches!(error, GithubError::Unauthorized(_))
}

/// GitHub hides what a token may not see.
fn may_be_lacking(error: &GithubError) -> bool {
    matches!(error, GithubError::Forbidden(_) | GithubError::Missing(_))
}

/// Which permission would have helped.
pub(super) fn wants(error: &GithubError, permission: &str) -> String {
    match may_be_lacking(error) {
        true => format!(" (the job needs `permissions` with `{permission}`)"),
        false => String::new(),
    }
}

/// Why there is no comment, and what would help. `seen` when the token may see the repository.
pub(super) fn uncommented(pull: u64, error: &GithubError, seen: bool) -> String {
    match error {
        GithubError::Locked(_) => format!(
            "no comment was written: pull request {pull} is locked; unlock it, or set the input `pr-comment` to `off`"
        ),
        GithubError::Gone(_) => format!("no comment was written: pull request {pull} was deleted"),
        GithubError::Missing(_) if seen => {
            format!("no comment was written: there is no pull request {pull}, it may have been deleted")
        }
        error => {
            format!("no comment was written on pull request {pull}: {error}{}", wants(error, "pull-requests: write"))
        }
    }
}

/// A check run in the words of a status.
pub(super) fn status(check: &CheckRun) -> Status {
    Status {
        context: cut(&check.name, CONTEXT),
        state: check.state,
        description: cut(&check.title, DESCRIPTION),
        target_url: check.details_url.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden() -> GithubError {
        GithubError::Forbidden("no".to_owned())
    }

    fn invalid() -> GithubError {
        GithubError::Invalid("422".to_owned())
    }

    #[test]
    fn refusals_for_one_reason_are_one_notice() {
        let mut channels = Channels::new(true);
        for name in ["a", "b", "c", "d", "e"] {
            channels.refuse_check(name, &invalid(), false);
        }
        channels.refuse_status("a", &invalid(), false);
        let [checks, status] = &channels.notices(true)[..] else { panic!("two notices") };
        assert!(checks.starts_with("5 check runs could not be brought up to date: "), "{checks}");
        assert!(checks.ends_with("(\"a\", \"b\", \"c\" and 2 more)"), "{checks}");
        assert!(status.starts_with("the commit status \"a\" could not be set: "), "{status}");
    }

    #[test]
    fn a_locked_pull_request_is_not_a_deleted_one_nor_a_missing_permission() {
        let told = |error: GithubError, seen| uncommented(7, &error, seen);
        let said = || "no".to_owned();
        assert!(told(GithubError::Locked(said()), true).contains("is locked; unlock it"));
        assert!(told(GithubError::Gone(said()), false).ends_with("was deleted"));
        assert!(told(GithubError::Missing(said()), true).contains("may have been deleted"));
        for error in [GithubError::Missing(said()), GithubError::Forbidden(said())] {
            assert!(told(error, false).contains("`pull-requests: write`"));
        }
    }

    #[test]
    fn a_refusal_leads_to_the_next_channel_and_one_that_passes_does_not() {
        let mut channels = Channels::new(true);
        channels.refuse_check("a", &invalid(), false);
        assert_eq!((channels.way("a"), channels.way("b")), (Some(Way::Status), Some(Way::Check)));
        channels.refuse_check("b", &GithubError::Failing("502".to_owned()), false);
        assert_eq!(channels.way("b"), None, "later, by a check run");
        let mut channels = Channels::new(true);
        channels.refuse_check("a", &invalid(), true);
        assert_eq!((channels.way("a"), channels.way("b")), (Some(Way::Status), Some(Way::Status)));
        channels.refuse_status("a", &invalid(), true);
        assert!(!channels.is_open());
        let mut channels = Channels::new(true);
        channels.refuse_check("a", &forbidden(), true);
        assert_eq!((channels.way("a"), channels.has_checks()), (Some(Way::Status), false));
        channels.refuse_status("a", &forbidden(), true);
        assert_eq!((channels.way("a"), channels.is_open()), (None, false));
        let [notice] = &channels.notices(false)[..] else { panic!("one notice") };
        assert!(notice.contains("`checks: write`") && notice.contains("`statuses: write`"), "{notice}");
        for error in [GithubError::Unauthorized("401".to_owned()), GithubError::Failing("502".to_owned())] {
            let mut channels = Channels::new(true);
            channels.refuse_check("a", &error, true);
            assert!(!channels.is_open(), "{error}");
        }
        assert_eq!(Channels::new(false).way("a"), None);
    }

    #[test]
    fn a_status_is_as_short_as_github_wants_it() {
        let record = crate::report::Record::default();
        let mut check = super::super::check_run::of_mistakes(&record);
        check.title = "ä".repeat(200);
        check.name = "forge / ".to_owned() + &"x".repeat(300);
        let status = status(&check);
        assert!(status.description.chars().count() <= 140 && status.context.chars().count() <= 255, "{status:?}");
    }
}
