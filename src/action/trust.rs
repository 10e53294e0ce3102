//! Whether the code that is checked out may run next to the secrets of this run.

use super::checkout::CheckoutError;
use super::event::{Code, Trigger, sha};

/// What may be done with the checked-out code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trust {
    /// The repository's own code, or approved.
    Own,
    /// A fork's, in a run without secrets: do what needs none, execute nothing of the template's own.
    Fork,
    /// Nothing may be done.
    Refused {
        /// What is wrong.
        reason: String,
        /// What to do about it.
        help: String,
    },
}

/// Judges a checkout. `approved` is the input `trusted-head`: a commit that somebody has read.
///
/// In a privileged run only commits that are known to be the repository's own will do. A list of bad ones would not:
/// the head of a pull request can be pushed to after the event, and its merge with the base is made anew each time.
pub(crate) fn trust(trigger: &Trigger, checked_out: &Result<String, CheckoutError>, approved: Option<&str>) -> Trust {
    let (own, foreign) = match &trigger.code {
        Code::Own => return Trust::Own,
        Code::Fork => return Trust::Fork,
        Code::Privileged { own, foreign } => (own, foreign),
    };
    let given = approved.map(str::trim).filter(|text| !text.is_empty());
    let approved = given.and_then(sha);
    let what = match checked_out {
        Ok(commit) if own.contains(commit) || approved.as_ref() == Some(commit) => return Trust::Own,
        Ok(commit) if foreign.contains(commit) => format!("commit {commit} is checked out, which others can write"),
        Ok(commit) => format!("commit {commit} is checked out, which is not known to be the repository's own"),
        Err(error) => format!("it cannot be told which commit is checked out: {error}"),
    };
    let mut reason =
        format!("anyone can start a run on {:?}, it has this repository's secrets, and {what}", trigger.event);
    if own.is_empty() {
        reason.push_str("; the event does not say which commits are its own");
    }
    let help = match (given, approved, checked_out) {
        (Some(text), None, _) => format!("input \"trusted-head\" is {text:?}, the full name of a commit is expected"),
        (_, Some(approved), Ok(_)) => {
            format!("input \"trusted-head\" approves commit {approved} only: check out that one, by its full name")
        }
        (_, _, Err(_)) => {
            "check the repository out with actions/checkout and git, in the folder of the template".to_owned()
        }
        (_, None, Ok(commit)) => format!(
            "build pull requests on the event pull_request, or check out the default branch; after you have read \
             commit {commit}, input \"trusted-head\" can approve it by its full name"
        ),
    };
    Trust::Refused { reason, help }
}

/// Whether the input `trusted-head` names this commit, in a run where that counts.
pub(crate) fn is_approved(trigger: &Trigger, commit: &str, approved: Option<&str>) -> bool {
    let privileged = matches!(trigger.code, Code::Privileged { .. });
    privileged && approved.and_then(|text| sha(text.trim())).as_deref() == Some(commit)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::action::event::read;

    const TIP: &str = "2ffea6db159f6b6c47a24e778fb9ef40cf6b1c7d";
    const BASE: &str = "3484a3fb816e0859fd6e1cea078d76385ff50625";
    const FOREIGN: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
    const MERGE: &str = "6113728f27ae82c7b1a177c8d03f9e96e0adf246";
    const LATER: &str = "9d2e04ad2d3b3a7ea4d3b6b3f7ab7f24ba0b2f3c";

    fn trigger(event: &str, file: &str) -> Trigger {
        let file = format!("{}/tests/fixtures/events/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let given = [
            ("GITHUB_EVENT_NAME", event),
            ("GITHUB_EVENT_PATH", &file),
            ("GITHUB_REPOSITORY", "octo-org/images"),
            ("GITHUB_RUN_ID", "42"),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_SHA", TIP),
        ];
        read(|name| given.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())).unwrap()
    }

    /// `own`, `fork` or the refusal.
    fn judged(event: &str, file: &str, commit: &str, approved: &str) -> String {
        let checked_out = match commit {
            "" => Err(CheckoutError::NoRepository(PathBuf::from("/work"))),
            commit => Ok(commit.to_owned()),
        };
        match trust(&trigger(event, file), &checked_out, Some(approved)) {
            Trust::Own => "own".to_owned(),
            Trust::Fork => "fork".to_owned(),
            Trust::Refused { reason, help } => format!("{reason}\n{help}"),
        }
    }

    #[test]
    fn who_is_trusted() {
        let fork = "pull_request_fork";
        for (event, file, commit, approved, expected) in [
            // Without secrets or without others, any checkout will do.
            ("push", "push", LATER, "", "own"),
            ("push", "push", "", "", "own"),
            ("pull_request", "pull_request", MERGE, "", "own"),
            ("pull_request", fork, MERGE, "", "fork"),
            ("pull_request", fork, MERGE, MERGE, "fork"),
            ("pull_request_target", "pull_request", LATER, "", "own"),
            ("workflow_run", "workflow_run", LATER, "", "own"),
            // The repository's own commits.
            ("pull_request_target", fork, TIP, "", "own"),
            ("pull_request_target", fork, BASE, "", "own"),
            ("pull_request_target", "pull_request_fork_merged", MERGE, "", "own"),
            ("issue_comment", "issue_comment", TIP, "", "own"),
            ("workflow_run", "workflow_run_fork", TIP, "", "own"),
            // Those of others, known or not.
            ("pull_request_target", fork, FOREIGN, "", "which others can write"),
            ("pull_request_target", fork, MERGE, "", "which others can write"),
            ("pull_request_target", fork, LATER, "", "not known to be the repository's own"),
            ("pull_request_target", fork, "", "", "/work is in no git repository"),
            ("pull_request_target", "missing", TIP, "", "does not say which commits are its own"),
            ("issue_comment", "issue_comment", FOREIGN, "", "not known to be the repository's own"),
            ("issue_comment", "issue_comment_issue", LATER, "", "not known to be the repository's own"),
            ("workflow_run", "workflow_run_fork", FOREIGN, "", "which others can write"),
            ("workflow_run", "workflow_run_fork_deleted", FOREIGN, "", "which others can write"),
            ("workflow_run", "workflow_run_comment", LATER, "", "not known to be the repository's own"),
            ("check_suite", "check_suite_fork", FOREIGN, "", "which others can write"),
            ("discussion_comment", "issue_comment_issue", FOREIGN, "", "not known to be the repository's own"),
            // Approval names one commit in full.
            ("pull_request_target", fork, FOREIGN, FOREIGN, "own"),
            ("pull_request_target", fork, FOREIGN, " F95F852BD8FCA8FCC58A9A2D6C842781E32A215E\n", "own"),
            ("pull_request_target", "missing", FOREIGN, FOREIGN, "own"),
            (
                "issue_comment",
                "issue_comment",
                LATER,
                FOREIGN,
                "approves commit f95f852bd8fca8fcc58a9a2d6c842781e32a215e only",
            ),
            ("pull_request_target", fork, FOREIGN, "f95f852", "\"trusted-head\" is \"f95f852\", the full name"),
            ("pull_request_target", fork, "", FOREIGN, "check the repository out with actions/checkout"),
        ] {
            let judged = judged(event, file, commit, approved);
            let right = if expected.contains(' ') { judged.contains(expected) } else { judged == expected };
            assert!(right, "{event} {file} {commit} {approved}: {judged}");
        }
    }

    #[test]
    fn approval_counts_where_it_is_asked_for() {
        let fork = "pull_request_fork";
        for (event, file, commit, approved, expected) in [
            ("pull_request_target", fork, FOREIGN, FOREIGN, true),
            ("pull_request_target", fork, FOREIGN, " F95F852BD8FCA8FCC58A9A2D6C842781E32A215E\n", true),
            ("pull_request_target", fork, FOREIGN, LATER, false),
            ("pull_request_target", fork, FOREIGN, "f95f852", false),
            ("pull_request_target", fork, FOREIGN, "", false),
            ("pull_request_target", "pull_request", FOREIGN, FOREIGN, false),
            ("pull_request", fork, FOREIGN, FOREIGN, false),
            ("push", "push", FOREIGN, FOREIGN, false),
        ] {
            let approved_is = is_approved(&trigger(event, file), commit, Some(approved));
            assert_eq!(approved_is, expected, "{event} {file} {commit} {approved}");
        }
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        assert_eq!(
            judged("pull_request_target", "pull_request_fork", FOREIGN, ""),
            "anyone can start a run on \"pull_request_target\", it has this repository's secrets, and commit \
             f95f852bd8fca8fcc58a9a2d6c842781e32a215e is checked out, which others can write\n\
             build pull requests on the event pull_request, or check out the default branch; after you have read \
             commit f95f852bd8fca8fcc58a9a2d6c842781e32a215e, input \"trusted-head\" can approve it by its full name",
        );
    }
}
