//! What each kind of event says: which commit it is about, which pull request, and whose code a checkout may hold.

use serde_json::Value;

use super::payload::{self, Payload};
use super::{Code, Head, Pull, valid};
use crate::config::EventClass;

/// What an event means, as far as environment and event file tell.
#[derive(Debug)]
pub(super) struct Facts {
    pub class: Option<EventClass>,
    pub head: Head,
    pub pull: Pull,
    pub code: Code,
    pub base_ref: Option<String>,
    pub head_ref: Option<String>,
}

/// What facts are found from.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub event: &'a str,
    /// `GITHUB_SHA`.
    pub sha: Option<String>,
    /// `GITHUB_REF`; empty for a deployment of a bare commit.
    pub reference: &'a str,
    pub repository_id: Option<u64>,
    pub default_branch: Option<&'a str>,
    /// None when the file could not be read, which has been warned of.
    pub payload: Option<&'a Payload>,
    pub warnings: Vec<String>,
}

/// Events that only people who may write to the repository cause, or the repository's own clock. Also those of a
/// deployment: its workflow file comes from the deployed commit, so who controls that commit has the run anyway.
const OWN: &[&str] = &[
    "create",
    "delete",
    "deployment",
    "deployment_status",
    "merge_group",
    "push",
    "release",
    "repository_dispatch",
    "schedule",
    "workflow_dispatch",
];

/// Events of pull requests to which GitHub gives no secrets and no token that writes when they come from a fork.
pub(super) const OF_PULL: &[&str] = &["pull_request", "pull_request_review", "pull_request_review_comment"];

/// Whether the event never meets code of others while secrets are there.
pub(super) fn is_own(event: &str) -> bool {
    OWN.contains(&event)
}

impl Scene<'_> {
    pub(super) fn facts(&mut self) -> Facts {
        let mut facts = match self.event {
            "pull_request_target" => self.pull_request(),
            event if OF_PULL.contains(&event) => self.pull_request(),
            "push" | "create" | "delete" => self.push(),
            "release" => self.plain(EventClass::Release, self.of_commit()),
            "merge_group" => self.merge_group(),
            "schedule" => self.plain(EventClass::Schedule, Pull::None),
            "workflow_dispatch" | "repository_dispatch" => self.plain(EventClass::Manual, Pull::None),
            "deployment" => self.plain(EventClass::Manual, self.of_commit()),
            "deployment_status" => self.plain(EventClass::Completed, self.of_commit()),
            "issue_comment" => self.issue_comment(),
            "workflow_run" => self.workflow_run(),
            "check_run" => self.check("/check_run", "/check_run/check_suite"),
            "check_suite" => self.check("/check_suite", "/check_suite"),
            // What is not known may hold the code of others.
            _ => self.plain(EventClass::Fork, Pull::None),
        };
        // A privileged event that is not fully understood trusts nothing.
        if let (Code::Privileged { own, .. }, false) = (&mut facts.code, self.warnings.is_empty()) {
            own.clear();
        }
        facts
    }

    /// About the commit that the environment names.
    fn plain(&self, class: impl Into<Option<EventClass>>, pull: Pull) -> Facts {
        let code = if is_own(self.event) { Code::Own } else { self.privileged([], []) };
        let head = self.sha.clone().map_or(Head::Unknown, Head::Sha);
        Facts { class: class.into(), head, pull, code, base_ref: None, head_ref: None }
    }

    fn of_commit(&self) -> Pull {
        self.sha.clone().map_or(Pull::None, Pull::OfCommit)
    }

    /// For annotated tags, `GITHUB_SHA` is the commit that the tag points to, which is what we rely on; `after` in the
    /// event file is the tag object, of which GitHub knows no checks and no pull requests.
    fn push(&mut self) -> Facts {
        let deleted = self.event == "delete" || self.payload.is_some_and(|p| p.flag("/deleted"));
        if deleted {
            return self.plain(None, Pull::None);
        }
        let class = match self.reference.strip_prefix("refs/heads/") {
            None if self.reference.starts_with("refs/tags/") => EventClass::Tag,
            None => EventClass::Branch,
            Some(branch) => match self.need(self.default_branch, "repository.default_branch") {
                Some(default) if default == branch => EventClass::Push,
                _ => EventClass::Branch,
            },
        };
        self.plain(class, self.of_commit())
    }

    /// The head is that of the file: `GITHUB_SHA` is the merge commit made for the test, or the base.
    fn pull_request(&mut self) -> Facts {
        let file = self.payload;
        let number = file.and_then(|p| p.number("/pull_request/number").or_else(|| p.number("/number")));
        let number = self.need(number.or_else(|| number_of(self.reference)), "number");
        let head = self.need(file.and_then(|p| p.sha("/pull_request/head/sha")), "pull_request.head.sha");
        // One that cannot be told from a fork is treated as one.
        let fork = self.need(file.and_then(|p| self.is_fork(p)), "pull_request.head.repo").unwrap_or(true);
        let code = match (fork, OF_PULL.contains(&self.event)) {
            (false, _) => Code::Own,
            (true, true) => Code::Fork,
            (true, false) => {
                let base = file.and_then(|p| p.sha("/pull_request/base/sha"));
                let merge = file.and_then(|p| p.sha("/pull_request/merge_commit_sha"));
                // Once merged, this names what the base branch got; before, GitHub's trial of a merge.
                let (merged, trial) = match file.is_some_and(|p| p.flag("/pull_request/merged")) {
                    true => (merge, None),
                    false => (None, merge),
                };
                self.privileged([base, merged], [head.clone(), trial])
            }
        };
        let text = |place| file.and_then(|p| p.text(place)).map(str::to_owned);
        Facts {
            class: Some(if fork { EventClass::Fork } else { EventClass::PullRequest }),
            head: head.map(Head::Sha).or(number.map(Head::OfPull)).unwrap_or(Head::Unknown),
            pull: number.map_or(Pull::None, Pull::Number),
            code,
            base_ref: text("/pull_request/base/ref"),
            head_ref: text("/pull_request/head/ref"),
        }
    }

    /// The repository of the head is null once the fork is deleted. None when the file does not tell.
    fn is_fork(&self, file: &Payload) -> Option<bool> {
        if file.get("/pull_request/head/repo")?.is_null() {
            return Some(true);
        }
        let base = file.number("/pull_request/base/repo/id")?;
        Some(file.number("/pull_request/head/repo/id")? != base || self.repository_id.is_some_and(|id| id != base))
    }

    /// A group can hold several pull requests; the last one is in its name.
    fn merge_group(&mut self) -> Facts {
        let named = queue(self.reference).or_else(|| queue(self.payload?.text("/merge_group/head_ref")?));
        let number = self.need(named.as_ref().map(|(_, number)| *number), "merge_group.head_ref");
        let base = self.payload.and_then(|p| p.text("/merge_group/base_ref")).map(|name| branch(name).to_owned());
        let base_ref = base.or(named.map(|(base, _)| base));
        Facts { base_ref, ..self.plain(EventClass::MergeGroup, number.map_or(Pull::None, Pull::Number)) }
    }

    /// On a pull request its head has to be looked up; it can change until then.
    fn issue_comment(&mut self) -> Facts {
        let number = self.need(self.payload.and_then(|p| p.number("/issue/number")), "issue.number");
        let facts = self.plain(EventClass::Comment, Pull::None);
        let on_pull = self.payload.and_then(|p| p.get("/issue/pull_request")).is_some_and(Value::is_object);
        match number.filter(|_| on_pull) {
            Some(number) => Facts { head: Head::OfPull(number), pull: Pull::Number(number), ..facts },
            None => facts,
        }
    }

    /// About the run that ended. It may have been anyone's; this one has secrets.
    fn workflow_run(&mut self) -> Facts {
        let file = self.payload;
        let cause =
            self.need(file.and_then(|p| p.text("/workflow_run/event")), "workflow_run.event").unwrap_or_default();
        // After `pull_request_target`, `head_sha` is that of the default branch.
        let head = match cause {
            "pull_request_target" => file.and_then(|p| p.sha("/workflow_run/head_commit/id")),
            _ => file.and_then(|p| p.sha("/workflow_run/head_sha")),
        };
        let head = self.need(head, "workflow_run.head_sha");
        let from = self.need(file.and_then(|p| p.get("/workflow_run/head_repository")), "workflow_run.head_repository");
        let id = from.and_then(|from| payload::number(from.get("id")?));
        let own = id.is_some() && id == self.repository_id;
        // Such a cause says what a run was about: with others, its own workflow chose.
        let told = is_own(cause) || OF_PULL.contains(&cause);
        let code = match (own, told) {
            (true, true) => Code::Own,
            (true, false) => self.privileged([head.clone()], []),
            (false, _) => self.privileged([], [head.clone()]),
        };
        let name = file.and_then(|p| p.text("/workflow_run/head_branch"));
        let owner =
            from.and_then(|from| payload::text(from.pointer("/owner/login")?)).filter(|login| valid::owner(login));
        let listed = self.listed("/workflow_run/pull_requests", head.as_deref());
        let pull = match (listed, &head, owner, name) {
            (Some(number), ..) => Pull::Number(number),
            (None, None, ..) => Pull::None,
            (None, Some(sha), Some(owner), Some(branch)) if !is_own(cause) => {
                Pull::OfBranch { owner: owner.to_owned(), branch: branch.to_owned(), sha: sha.clone() }
            }
            (None, Some(sha), ..) => Pull::OfCommit(sha.clone()),
        };
        Facts {
            class: Some(EventClass::Completed),
            head: head.map_or(Head::Unknown, Head::Sha),
            pull,
            code,
            base_ref: None,
            head_ref: name.map(str::to_owned),
        }
    }

    /// About a commit that was checked. For a fork, neither its branch nor its pull request is named.
    fn check(&mut self, check: &str, suite: &str) -> Facts {
        let file = self.payload;
        let head = self.need(file.and_then(|p| p.sha(&format!("{check}/head_sha"))), "head_sha of a check");
        let pulls = format!("{check}/pull_requests");
        let own = head.clone().filter(|sha| self.entries(&pulls).any(|pull| self.is_own_head(pull, sha)));
        let foreign = head.clone().filter(|_| own.is_none());
        let pull = match (self.listed(&pulls, head.as_deref()), &head) {
            (Some(number), _) => Pull::Number(number),
            (None, Some(sha)) => Pull::OfCommit(sha.clone()),
            (None, None) => Pull::None,
        };
        Facts {
            class: Some(EventClass::Completed),
            code: self.privileged([own], [foreign]),
            head: head.map_or(Head::Unknown, Head::Sha),
            pull,
            base_ref: None,
            head_ref: file.and_then(|p| p.text(&format!("{suite}/head_branch"))).map(str::to_owned),
        }
    }

    /// The pull requests into this repository in such a list. It also has those that the same branch has elsewhere.
    fn entries(&self, place: &str) -> impl Iterator<Item = &Value> {
        let list = self.payload.and_then(|p| p.get(place)?.as_array()).map(Vec::as_slice).unwrap_or_default();
        let id = self.repository_id;
        list.iter().filter(move |pull| id.is_some() && pull.pointer("/base/repo/id").and_then(payload::number) == id)
    }

    /// One of the commit itself before one that has got newer commits since.
    fn listed(&self, place: &str, head: Option<&str>) -> Option<u64> {
        let of_head = |pull: &&Value| head.is_some() && pull.pointer("/head/sha").and_then(Value::as_str) == head;
        let pull = self.entries(place).find(of_head).or_else(|| self.entries(place).next())?;
        payload::number(pull.get("number")?)
    }

    fn is_own_head(&self, pull: &Value, sha: &str) -> bool {
        let head = pull.pointer("/head/sha").and_then(Value::as_str);
        head == Some(sha) && pull.pointer("/head/repo/id").and_then(payload::number) == self.repository_id
    }

    /// `GITHUB_SHA` is the repository's own where it is the commit of a branch or tag; `refs/pull/` is of anyone.
    fn privileged<const O: usize, const F: usize>(
        &self,
        own: [Option<String>; O],
        foreign: [Option<String>; F],
    ) -> Code {
        let named = self.reference.starts_with("refs/heads/") || self.reference.starts_with("refs/tags/");
        let tip = self.sha.clone().filter(|_| named);
        Code::Privileged {
            own: tip.into_iter().chain(own.into_iter().flatten()).collect(),
            foreign: foreign.into_iter().flatten().collect(),
        }
    }

    /// Warns of a fact that is not in a file that could be read.
    fn need<T>(&mut self, found: Option<T>, place: &str) -> Option<T> {
        if found.is_none() && self.payload.is_some() {
            self.warnings.push(format!("the event file has no usable {place}"));
        }
        found
    }
}

fn branch(reference: &str) -> &str {
    reference.strip_prefix("refs/heads/").unwrap_or(reference)
}

/// `refs/pull/7/merge`.
fn number_of(reference: &str) -> Option<u64> {
    let (number, _) = reference.strip_prefix("refs/pull/")?.split_once('/')?;
    number.parse().ok().filter(|number| *number > 0)
}

/// `gh-readonly-queue/<base>/pr-<number>-<commit>`, where the base can have slashes.
fn queue(reference: &str) -> Option<(String, u64)> {
    let (base, last) = branch(reference).strip_prefix("gh-readonly-queue/")?.rsplit_once('/')?;
    let (number, commit) = last.strip_prefix("pr-")?.split_once('-')?;
    valid::sha(commit)?;
    Some((base.to_owned(), number.parse().ok().filter(|number| *number > 0)?))
}
