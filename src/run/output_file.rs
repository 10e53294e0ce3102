//! Files that a component makes: they appear whole or not at all, and those shared by builds are changed under a lock.
//!
//! [`OutputFile`] is for what is written in a stream, [`update`] for small files that several builds add to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;

use super::BuildContext;
use super::cancel::Cancelled;
use super::cleanup::Resource;
use super::journal::JournalError;

/// Changing a shared file takes milliseconds; who holds its lock for so long has stopped.
const LOCK_LIMIT: Duration = Duration::from_secs(30);

#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("could not {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{0}")]
    Failed(String),
}

impl OutputError {
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }
}

/// Runs `work`, which computes or waits on the disk, beside the asynchronous threads. It looks at the token now and
/// then and ends early when the build is stopped.
pub(crate) async fn blocking<T: Send + 'static>(
    cx: &BuildContext,
    work: impl FnOnce(&BuildContext, &CancellationToken) -> Result<T, OutputError> + Send + 'static,
) -> Result<T, OutputError> {
    let cx = cx.clone();
    let done = tokio::task::spawn_blocking(move || work(&cx, &cx.cancel.stop)).await;
    done.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Err(Cancelled.into()),
    })
}

/// A file in the making, beside the place where it will be; removed unless committed, by a sweep at the latest.
#[derive(Debug)]
pub(crate) struct OutputFile<'a> {
    part: NamedTempFile,
    target: PathBuf,
    resource: Resource,
    cx: &'a BuildContext,
}

impl<'a> OutputFile<'a> {
    /// Makes the folders above `target` and an empty file next to it.
    pub(crate) fn create(target: &Path, cx: &'a BuildContext) -> Result<Self, OutputError> {
        let target = resolved(target)?;
        let folder = target.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| OutputError::file("make the folder", folder, error))?;
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let suffix = format!(".{:08x}.part", rand::random::<u32>());
        let resource = Resource::File { path: folder.join(format!(".{name}{suffix}")) };
        cx.acquire(resource.clone())?;
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}");
        builder.prefix(&prefix).suffix(&suffix).rand_bytes(0);
        // As for any new file: the user's umask takes off what it should.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let part = builder.tempfile_in(folder).map_err(|error| OutputError::file("create", &target, error))?;
        Ok(Self { part, target, resource, cx })
    }

    pub(crate) fn file(&mut self) -> &mut File {
        self.part.as_file_mut()
    }

    /// The file takes its place, over one that may be there.
    pub(crate) fn commit(self) -> Result<(), OutputError> {
        if let Ok(old) = std::fs::metadata(&self.target) {
            let kept = self.part.as_file().set_permissions(old.permissions());
            kept.map_err(|error| OutputError::file("write", &self.target, error))?;
        }
        let placed = self.part.persist(&self.target);
        placed.map_err(|error| OutputError::file("write", &self.target, error.error))?;
        Ok(self.cx.keep(&self.resource)?)
    }
}

/// Where a write to `path` really goes: links are followed, and only plain files are replaced.
fn resolved(path: &Path) -> Result<PathBuf, OutputError> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&real) {
        Ok(found) if !found.is_file() => {
            Err(OutputError::Failed(format!("could not write {}: it is not a plain file", path.display())))
        }
        _ => Ok(real),
    }
}

/// Replaces the contents of `path` by what `change` makes of them, nothing being passed when there is no file. Builds
/// that do so at once, in this process or another, wait for each other.
pub(crate) async fn update(
    path: &Path,
    cx: &BuildContext,
    change: impl FnOnce(Option<Vec<u8>>) -> Result<Vec<u8>, OutputError> + Send + 'static,
) -> Result<(), OutputError> {
    let path = path.to_owned();
    let work = move |cx: &BuildContext, stop: &CancellationToken| {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| OutputError::file("make the folder", folder, error))?;
        let lock = Lock::take(&path, stop)?;
        let old = match std::fs::read(&path) {
            Ok(old) => Some(old),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(OutputError::file("read", &path, error)),
        };
        let new = change(old)?;
        let mut output = OutputFile::create(&path, cx)?;
        output.file().write_all(&new).map_err(|error| OutputError::file("write", &path, error))?;
        output.commit()?;
        drop(lock);
        Ok(())
    };
    blocking(cx, work).await
}

/// The file `NAME.lock` beside a shared one. The system's lock on it counts, not its presence, so one that a killed
/// process left behind holds nobody up.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(target: &Path, stop: &CancellationToken) -> Result<Self, OutputError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(".lock");
        let path = target.with_file_name(name);
        let begun = Instant::now();
        while begun.elapsed() < LOCK_LIMIT {
            if stop.is_cancelled() {
                return Err(Cancelled.into());
            }
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
            let file = file.map_err(|error| OutputError::file("lock", &path, error))?;
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => return Ok(Self { path, _file: file }),
                // Its last owner removed it between our two calls: it protects nothing now.
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
                Err(std::fs::TryLockError::Error(error)) => return Err(OutputError::file("lock", &path, error)),
            }
        }
        let seconds = LOCK_LIMIT.as_secs();
        Err(OutputError::Failed(format!("another process has held {} for {seconds} s", path.display())))
    }
}

impl Drop for Lock {
    /// Removed while still locked: whoever waits sees that it is not the file at the path any more.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let of = |found: io::Result<std::fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    of(file.metadata()) == of(std::fs::metadata(path))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::context;

    fn names(folder: &Path) -> Vec<String> {
        let listing = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = listing.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "test.journal");
        names.sort();
        names
    }

    #[tokio::test]
    async fn nothing_is_lost_when_many_add_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let path = folder.path().join("new/list");
        std::fs::create_dir(folder.path().join("new")).unwrap();
        std::fs::write(folder.path().join("new/list.lock"), "left by a dead process").unwrap();
        let add = |_| {
            update(&path, &cx, |old| {
                let mut all = old.unwrap_or_default();
                std::thread::sleep(Duration::from_millis(1));
                all.push(b'x');
                Ok(all)
            })
        };
        for done in futures_util::future::join_all((0..40).map(add)).await {
            done.unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap().len(), 40);
        assert_eq!(names(&folder.path().join("new")), ["list"]);
    }

    #[test]
    fn a_file_that_is_not_committed_never_shows() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let target = folder.path().join("a");
        std::fs::write(&target, "old").unwrap();
        let mut output = OutputFile::create(&target, &cx).unwrap();
        output.file().write_all(b"half").unwrap();
        drop(output);
        assert_eq!((names(folder.path()), std::fs::read(&target).unwrap()), (vec!["a".to_owned()], b"old".to_vec()));
        let mut output = OutputFile::create(&target, &cx).unwrap();
        output.file().write_all(b"new").unwrap();
        output.commit().unwrap();
        assert_eq!((names(folder.path()), std::fs::read(&target).unwrap()), (vec!["a".to_owned()], b"new".to_vec()));
        assert!(OutputFile::create(folder.path(), &cx).is_err(), "a folder is not replaced");
    }
}
