//! Event files as GitHub writes them, as far as the program reads them; and a checkout as actions/checkout leaves it.

use serde_json::{Value, json};

use super::Workspace;
use super::github::Github;

/// The repository that all events are of.
pub(crate) const OWN: &str = "octo/images";
/// A fork of it.
pub(crate) const FORK: &str = "mallory/images";

/// As it is in every event file.
pub(crate) fn repository() -> Value {
    json!({ "id": 1, "full_name": OWN, "default_branch": "main" })
}

/// Of pull request 7, whose branch is in `from`.
pub(crate) fn pull_request(lab: &Github, from: &str) -> Value {
    let head = json!({ "id": if from == OWN { 1 } else { 2 }, "full_name": from });
    json!({
        "action": "synchronize",
        "number": 7,
        "pull_request": {
            "number": 7,
            "title": "@everyone <img src=x onerror=y> ::error::z \u{202e}",
            "merged": false,
            "head": { "sha": lab.at("head"), "ref": "change", "repo": head },
            "base": { "sha": lab.at("main"), "ref": "main", "repo": { "id": 1, "full_name": OWN } },
        },
        "repository": repository(),
    })
}

/// Puts a repository into the folder `below` of the workspace whose checked out commit is `sha`.
pub(crate) fn check_out(workspace: &Workspace, below: &str, sha: &str) {
    workspace.file(&format!("{below}/.git/HEAD"), sha);
    workspace.file(&format!("{below}/.git/objects/x"), "");
    workspace.file(&format!("{below}/.git/refs/x"), "");
}
