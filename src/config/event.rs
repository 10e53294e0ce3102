//! What happens to a repository, as far as building images is concerned, and what is done then.

use std::collections::BTreeMap;

/// A class of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EventClass {
    /// A pull request from a branch of the repository itself.
    PullRequest,
    /// A pull request from a fork, or one that cannot be told from such: its template is a stranger's. So may be what an
    /// event is about that nothing here knows.
    Fork,
    /// A push to the default branch.
    Push,
    /// A push to any other branch.
    Branch,
    Tag,
    Release,
    MergeGroup,
    Schedule,
    /// `workflow_dispatch` and `repository_dispatch`.
    Manual,
    /// A comment on an issue or pull request.
    Comment,
    /// `workflow_run`: another workflow has ended.
    Completed,
}

/// What is done for an image. Each does what stands after it in [`Do::ALL`] too, but for `Skip`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Do {
    /// What was built before gets its names.
    Publish,
    Build,
    /// Builds what a pull request would make, and publishes nothing of it.
    Preview,
    Plan,
    Validate,
    Skip,
}

impl EventClass {
    pub(crate) const ALL: [Self; 11] = [
        Self::PullRequest,
        Self::Fork,
        Self::Push,
        Self::Branch,
        Self::Tag,
        Self::Release,
        Self::MergeGroup,
        Self::Schedule,
        Self::Manual,
        Self::Comment,
        Self::Completed,
    ];

    /// The key below `on`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PullRequest => "pull_request",
            Self::Fork => "fork",
            Self::Push => "push",
            Self::Branch => "branch",
            Self::Tag => "tag",
            Self::Release => "release",
            Self::MergeGroup => "merge_group",
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Comment => "comment",
            Self::Completed => "completed",
        }
    }

    /// What is done when nobody says otherwise: what is proposed is shown, what is merged, due or asked for is built, what is
    /// tagged was built before and is published, other branches are looked at; nothing happens because somebody wrote a
    /// comment or because another workflow ended.
    pub(crate) fn default(self) -> Do {
        match self {
            Self::PullRequest => Do::Preview,
            Self::Push | Self::Schedule | Self::Manual => Do::Build,
            Self::Tag | Self::Release => Do::Publish,
            Self::Fork | Self::Branch | Self::MergeGroup => Do::Validate,
            Self::Comment | Self::Completed => Do::Skip,
        }
    }

    /// A fork's template is looked at and never run; only a pull request can be shown before it is merged; publishing
    /// needs a version.
    pub(crate) fn allows(self, what: Do) -> bool {
        match what {
            Do::Preview => self == Self::PullRequest,
            Do::Publish => matches!(self, Self::Tag | Self::Release | Self::Manual),
            Do::Build => self != Self::Fork,
            Do::Plan | Do::Validate | Do::Skip => true,
        }
    }
}

impl Do {
    pub(crate) const ALL: [Self; 6] =
        [Self::Publish, Self::Build, Self::Preview, Self::Plan, Self::Validate, Self::Skip];

    /// The value below `on`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Build => "build",
            Self::Preview => "preview",
            Self::Plan => "plan",
            Self::Validate => "validate",
            Self::Skip => "skip",
        }
    }
}

/// What to do on each class of events, where the file says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Policy(BTreeMap<EventClass, Do>);

impl Policy {
    pub(super) fn set(&mut self, event: EventClass, what: Do) {
        self.0.insert(event, what);
    }

    pub(super) fn of(&self, event: EventClass) -> Do {
        self.0.get(&event).copied().unwrap_or_else(|| event.default())
    }

    /// This, and what `defaults` says where this is silent.
    pub(super) fn over(mut self, defaults: &Self) -> Self {
        for (event, what) in &defaults.0 {
            self.0.entry(*event).or_insert(*what);
        }
        self
    }
}
