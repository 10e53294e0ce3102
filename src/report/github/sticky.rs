//! The comment of a pull request, found again by its marker: never two, never an older run's over a newer one's.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::comment::{Marker, comment};
use super::{CommentMode, Destination};
use crate::client::github::{Comment, GithubError, Repository};
use crate::report::record::Record;

/// Tries to write; before each the comments are looked at again.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

/// A comment that other runs may be about to change, or have changed unseen: GitHub takes no condition with a change, and a
/// request that is under way has seen nothing of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shared {
    id: u64,
    /// The same for GraphQL.
    node: String,
}

/// What came of looking at it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    /// It says what it is to say.
    Fine,
    /// An older run had written over it.
    Again,
    /// This run had written over a newer one's text.
    GivenBack,
}

/// Writes the comment of this run. `unsure` when an earlier try may have had its effect late. Yields it if that of another
/// run is in its history: whoever ends last, the post step, is to [`look_again`].
pub(super) async fn write(
    repository: &Repository,
    destination: &Destination,
    pull: u64,
    record: &Record,
    unsure: bool,
) -> Result<Option<Shared>, GithubError> {
    let marker = Marker::of(record, destination.key.as_deref());
    let sticky = Sticky { repository, mode: destination.comment, pull, text: comment(record, &marker), marker };
    let mut attempt = 1;
    loop {
        match sticky.write_once(record.says_nothing(), unsure || attempt > 1).await {
            Err(error @ (GithubError::Failing(_) | GithubError::Unreachable(_))) if attempt < ATTEMPTS => {
                tracing::debug!(attempt, "the comment is tried again: {error}");
                tokio::time::sleep(PAUSE * attempt).await;
                attempt += 1;
            }
            settled => return settled,
        }
    }
}

/// Looks at a comment that this run has written, and at what it was before: the text of the newest run is to be there.
pub(super) async fn look_again(
    repository: &Repository,
    destination: &Destination,
    record: &Record,
    shared: &Shared,
) -> Result<Looked, GithubError> {
    let own = Marker::of(record, destination.key.as_deref());
    let texts = match repository.texts(shared.id, &shared.node).await {
        Ok(texts) => texts,
        // Deleted: nobody is to see it.
        Err(GithubError::Missing(_) | GithubError::Gone(_)) => return Ok(Looked::Fine),
        Err(error) => return Err(error),
    };
    let ours = comment(record, &own);
    match newest(&texts, (&own, ours.as_str())) {
        None => Ok(Looked::Fine),
        Some((of, text)) => {
            repository.update_comment(shared.id, text).await?;
            Ok(if of == own { Looked::Again } else { Looked::GivenBack })
        }
    }
}

/// The text that belongs into a comment, if another is there: `texts` are what it says, and what it has said, the newest
/// first. One that is no run's any more is somebody's who has changed it.
fn newest<'a>(texts: &'a [String], (own, ours): (&Marker, &'a str)) -> Option<(Marker, &'a str)> {
    let of_key = |text: &str| Marker::read(text).filter(|shown| shown.key == own.key);
    let shown = of_key(texts.first()?)?;
    let said = texts.iter().rev().filter_map(|text| Some((of_key(text)?, text.as_str())));
    let all = said.chain([(own.clone(), ours)]);
    // Of equal ones the last, which is what it said last.
    let newest = all.max_by_key(|(of, _)| (of.run, of.attempt))?;
    newest.0.is_newer_than(&shown).then_some(newest)
}

impl Shared {
    fn of(comment: &Comment) -> Self {
        Self { id: comment.id, node: comment.node_id.clone() }
    }
}

struct Sticky<'a> {
    repository: &'a Repository,
    mode: CommentMode,
    pull: u64,
    text: String,
    marker: Marker,
}

type Found = Vec<(Marker, Comment)>;

impl Sticky<'_> {
    /// `quiet` when there is nothing to say: then only what was said before is corrected.
    async fn write_once(&self, quiet: bool, unsure: bool) -> Result<Option<Shared>, GithubError> {
        let there = self.look(None).await?;
        let own = there.iter().find(|(found, _)| self.is_of_this_run(found));
        if there.iter().any(|(found, _)| found.is_newer_than(&self.marker)) {
            // One that was made beside the newer run's, and not taken away again before this run had to end.
            let double = own.filter(|(_, own)| there.first().is_some_and(|(_, first)| first.id != own.id));
            return match double {
                Some((_, double)) if self.mode == CommentMode::Update => self.remove(double.id).await.map(|()| None),
                _ => Ok(None),
            };
        }
        let old = match self.mode {
            CommentMode::Update => own.or(there.last()),
            _ => own,
        };
        if let Some((found, old)) = old {
            // An earlier attempt of this very run is over.
            let shared = Some(Shared::of(old)).filter(|_| unsure || found.run != self.marker.run);
            if old.body == self.text {
                return Ok(shared);
            }
            match self.repository.update_comment(old.id, &self.text).await {
                // Deleted in the meantime, or somebody else's after all.
                Err(GithubError::Forbidden(_) | GithubError::Missing(_)) if !quiet => {}
                settled => return settled.map(|()| shared),
            }
        }
        if quiet {
            return Ok(None);
        }
        let made = self.repository.create_comment(self.pull, &self.text).await?;
        match self.mode {
            CommentMode::Update => self.settle(&made.created_at).await,
            CommentMode::Recreate => {
                // The one before; those before it are folded already. What cannot be folded stays as it is.
                if let Some((_, old)) = there.iter().rfind(|(_, old)| old.has_author_of(&made))
                    && let Err(error) = self.repository.minimize_comment(old).await
                {
                    tracing::warn!("the old comment was not folded: {error}");
                }
                Ok(None)
            }
            CommentMode::Append | CommentMode::Off => Ok(None),
        }
    }

    /// Another run may have made one at the same time: the first comment stays, with the newest run's text.
    async fn settle(&self, since: &str) -> Result<Option<Shared>, GithubError> {
        let all = self.look(Some(since)).await?;
        let newest = all.iter().max_by_key(|(found, _)| (found.run, found.attempt));
        let (Some((_, first)), Some((newest, shown))) = (all.first(), newest) else { return Ok(None) };
        if self.marker.is_newer_than(newest) {
            return self.repository.update_comment(first.id, &self.text).await.map(|()| Some(Shared::of(first)));
        }
        if first.id != shown.id {
            self.repository.update_comment(first.id, &shown.body).await?;
        }
        for (_, double) in &all[1..] {
            self.remove(double.id).await?;
        }
        Ok(Some(Shared::of(first)).filter(|_| all.len() > 1))
    }

    async fn remove(&self, id: u64) -> Result<(), GithubError> {
        match self.repository.delete_comment(id).await {
            // The other run is as tidy.
            Err(GithubError::Missing(_) | GithubError::Gone(_)) | Ok(()) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Our comments with this key, oldest first; `since` leaves out those that have not changed since then.
    async fn look(&self, since: Option<&str>) -> Result<Found, GithubError> {
        let comments = self.repository.own_comments(self.pull, since).await?;
        let with_marker = comments.into_iter().filter_map(|comment| Some((Marker::read(&comment.body)?, comment)));
        let mut found: Found = with_marker.filter(|(found, _)| found.key == self.marker.key).collect();
        found.sort_by_key(|(_, comment)| comment.id);
        Ok(found)
    }

    fn is_of_this_run(&self, found: &Marker) -> bool {
        (found.run, found.attempt) == (self.marker.run, self.marker.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text of that run and attempt, of the comment `key`.
    fn text(key: &str, run: u64, attempt: u64, words: &str) -> String {
        format!("<!-- forge-action:v1 key={key} sha=b run={run} attempt={attempt} -->\n{words}")
    }

    #[test]
    fn the_newest_runs_last_text_belongs_into_the_comment() {
        let (own, ours) =
            (Marker { key: "k".to_owned(), sha: "b".to_owned(), run: 5, attempt: 2 }, text("k", 5, 2, "ours"));
        for (texts, expected) in [
            (vec![ours.clone()], None),
            (vec![text("k", 4, 9, "older"), ours.clone()], Some("ours")),
            (vec![text("k", 5, 1, "older attempt")], Some("ours")),
            (vec![text("k", 6, 1, "newer")], None),
            (vec![ours.clone(), text("k", 6, 1, "end"), text("k", 6, 1, "begin"), text("k", 4, 1, "")], Some("end")),
            (vec![ours.clone(), text("k", 6, 1, "six"), text("k", 7, 1, "seven")], Some("seven")),
            (vec![ours.clone(), text("other", 6, 1, "newer")], None),
            (vec!["a maintainer's own".to_owned(), text("k", 6, 1, "newer")], None),
            (vec![], None),
        ] {
            let found = newest(&texts, (&own, ours.as_str())).map(|(_, text)| text.lines().last().unwrap());
            assert_eq!(found, expected, "{texts:?}");
        }
    }
}
