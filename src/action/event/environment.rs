//! What the runner's variables say of the run itself; an empty one counts as not set.

use super::{EventError, RunRef, valid};

/// The variables, for a run on a known event.
pub(super) struct Environment<V> {
    var: V,
    pub event: String,
}

impl<V: Fn(&str) -> Option<String>> Environment<V> {
    pub(super) fn new(var: V) -> Result<Self, EventError> {
        let event = var("GITHUB_EVENT_NAME").filter(|text| !text.is_empty()).ok_or(EventError::NoEvent)?;
        Ok(Self { var, event })
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        (self.var)(name).filter(|text| !text.is_empty())
    }

    pub(super) fn repository(&self) -> Result<String, EventError> {
        let name = "GITHUB_REPOSITORY";
        self.text(name).filter(|text| valid::repository(text)).ok_or_else(|| self.wrong(name, "owner/name"))
    }

    pub(super) fn address(&self, name: &'static str, default: &str) -> Result<String, EventError> {
        match self.text(name) {
            Some(text) => valid::base(&text).ok_or_else(|| self.wrong(name, "an http or https address")),
            None => Ok(default.to_owned()),
        }
    }

    pub(super) fn run(&self, server_url: &str, repository: &str) -> Result<RunRef, EventError> {
        let (id, attempt) = (self.count("GITHUB_RUN_ID", None)?, self.count("GITHUB_RUN_ATTEMPT", Some(1))?);
        Ok(RunRef {
            id,
            attempt,
            number: self.count("GITHUB_RUN_NUMBER", Some(1))?,
            job: self.text("GITHUB_JOB").unwrap_or_default(),
            workflow: self.text("GITHUB_WORKFLOW").unwrap_or_default(),
            url: format!("{server_url}/{repository}/actions/runs/{id}/attempts/{attempt}"),
            actor: self.text("GITHUB_ACTOR").unwrap_or_default(),
        })
    }

    fn count(&self, name: &'static str, default: Option<u64>) -> Result<u64, EventError> {
        match (self.text(name), default) {
            (None, Some(default)) => Ok(default),
            (text, _) => {
                let number = text.and_then(|text| text.parse().ok()).filter(|number| *number > 0);
                number.ok_or_else(|| self.wrong(name, "a positive number"))
            }
        }
    }

    fn wrong(&self, name: &'static str, expected: &'static str) -> EventError {
        let given = self.text(name).map_or_else(|| "is not set".to_owned(), |text| format!("is {text:?}"));
        EventError::Wrong { name, given, expected, event: self.event.clone() }
    }
}
