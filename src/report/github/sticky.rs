//! The comment of a pull request, found again by its marker: never two, never an older run's over a newer one's.

use std::time::{Duration, Instant};

use super::comment::{Marker, comment};
use super::{CommentMode, Destination};
use crate::client::github::{Comment, GithubError, Repository};
use crate::report::record::Record;

/// Tries to write; before each the comments are looked at again.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);
/// In so long a newer run can have looked, written and ended, before a change of ours has landed on its text.
const SLOW: Duration = Duration::from_secs(1);

/// Writes the comment of this run. Yields its id if it was that of another run before, which may write into it once more:
/// GitHub takes no condition with a change, and a request that is under way has seen nothing of ours. Whoever ends last,
/// the post step, is to [`look_again`]. `unsure` when an earlier try may have had its effect late.
pub(super) async fn write(
    repository: &Repository,
    destination: &Destination,
    pull: u64,
    record: &Record,
    unsure: bool,
) -> Result<Option<u64>, GithubError> {
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

/// Looks at a comment that this run has written. Whether an older run has written over it, and it was written again.
pub(super) async fn look_again(
    repository: &Repository,
    destination: &Destination,
    record: &Record,
    id: u64,
) -> Result<bool, GithubError> {
    let marker = Marker::of(record, destination.key.as_deref());
    let sticky = Sticky { repository, mode: destination.comment, pull: 0, text: comment(record, &marker), marker };
    match sticky.stand(id).await {
        // Deleted: nobody is to see it.
        Err(GithubError::Missing(_) | GithubError::Gone(_)) => Ok(false),
        settled => settled,
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
    async fn write_once(&self, quiet: bool, unsure: bool) -> Result<Option<u64>, GithubError> {
        let begun = Instant::now();
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
            if old.body == self.text {
                if unsure {
                    self.give_back(old).await?;
                }
                return Ok(None);
            }
            match self.repository.update_comment(old.id, &self.text).await {
                // Deleted in the meantime, or somebody else's after all.
                Err(GithubError::Forbidden(_) | GithubError::Missing(_)) if !quiet => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    if unsure || begun.elapsed() >= SLOW {
                        self.give_back(old).await?;
                    }
                    // An earlier attempt of this very run is over.
                    return Ok(Some(old.id).filter(|_| found.run != self.marker.run));
                }
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

    /// A newer run's text that ours has landed on is put back. It is in the comment's history alone.
    async fn give_back(&self, comment: &Comment) -> Result<(), GithubError> {
        let texts = match self.repository.texts(comment).await {
            Ok(texts) => texts,
            Err(error) => {
                tracing::debug!("GitHub does not tell what the comment was: {error}");
                return Ok(());
            }
        };
        let newer = texts.iter().filter_map(|text| Some((Marker::read(text)?, text)));
        let newer = newer.filter(|(shown, _)| shown.key == self.marker.key && shown.is_newer_than(&self.marker));
        // Of the newest run, what it said last; the history begins with the newest text.
        let newest = newer.rev().max_by_key(|(shown, _)| (shown.run, shown.attempt));
        match newest {
            Some((_, text)) => self.repository.update_comment(comment.id, text).await,
            None => Ok(()),
        }
    }

    /// An older run that wrote at the same time is written over. Whether there was one.
    async fn stand(&self, id: u64) -> Result<bool, GithubError> {
        let there = self.repository.comment(id).await?;
        let older = |shown: &Marker| shown.key == self.marker.key && self.marker.is_newer_than(shown);
        if !Marker::read(&there.body).as_ref().is_some_and(older) {
            return Ok(false);
        }
        self.repository.update_comment(id, &self.text).await.map(|()| true)
    }

    /// Another run may have made one at the same time: the first comment stays, with the newest run's text.
    async fn settle(&self, since: &str) -> Result<Option<u64>, GithubError> {
        let all = self.look(Some(since)).await?;
        let newest = all.iter().max_by_key(|(found, _)| (found.run, found.attempt));
        let (Some((_, first)), Some((newest, shown))) = (all.first(), newest) else { return Ok(None) };
        if self.marker.is_newer_than(newest) {
            return self.repository.update_comment(first.id, &self.text).await.map(|()| Some(first.id));
        }
        if first.id != shown.id {
            self.repository.update_comment(first.id, &shown.body).await?;
        }
        for (_, double) in &all[1..] {
            self.remove(double.id).await?;
        }
        Ok(Some(first.id).filter(|_| all.len() > 1))
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
