//! Which commit a folder is checked out at, read from git's files: no git is needed, and no configuration of a
//! repository that may be hostile takes effect.
//!
//! It tells what was checked out, not that nothing was changed since.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use super::event::sha;

/// Far more than any file has that holds one name.
const LARGEST_NAME: u64 = 4096;
/// A symbolic ref can name a symbolic ref; git gives up after five.
const MOST_STEPS: usize = 5;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckoutError {
    #[error("{} is in no git repository", .0.display())]
    NoRepository(PathBuf),
    #[error("{} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{} names no commit", .0.display())]
    NoCommit(PathBuf),
}

/// The commit of the innermost repository that has `folder`: a job can have several side by side, or one in another.
pub(crate) fn commit(folder: &Path) -> Result<String, CheckoutError> {
    let folder = folder.canonicalize().map_err(|source| CheckoutError::Read { path: folder.to_owned(), source })?;
    let git = folder.ancestors().map(|folder| folder.join(".git")).find(|git| git.symlink_metadata().is_ok());
    let own = control_folder(git.ok_or_else(|| CheckoutError::NoRepository(folder.clone()))?)?;
    let shared = match read_name(&own.join("commondir"))? {
        Some(path) => own.join(path),
        None => own.clone(),
    };
    let head = own.join("HEAD");
    let mut text = read_name(&head)?;
    for _ in 0..MOST_STEPS {
        let name = match &text {
            None => break,
            Some(text) => match (sha(text), text.strip_prefix("ref:").map(str::trim)) {
                (Some(commit), _) => return Ok(commit),
                (None, Some(name)) if is_ref(name) => name.to_owned(),
                _ => break,
            },
        };
        text = match read_name(&own.join(&name))? {
            Some(text) => Some(text),
            None => read_name(&shared.join(&name))?.map_or_else(|| packed(&shared, &name), |text| Ok(Some(text)))?,
        };
    }
    Err(CheckoutError::NoCommit(head))
}

/// `.git` itself, or where a file of that name points to: worktrees and submodules have one.
fn control_folder(git: PathBuf) -> Result<PathBuf, CheckoutError> {
    if git.is_dir() {
        return Ok(git);
    }
    let text = read_name(&git)?;
    let path = text.as_deref().and_then(|text| text.strip_prefix("gitdir:")).map(str::trim);
    match (path, git.parent()) {
        (Some(path), Some(folder)) if !path.is_empty() => Ok(folder.join(path)),
        _ => Err(CheckoutError::NoCommit(git)),
    }
}

/// A name that cannot lead out of the repository.
fn is_ref(name: &str) -> bool {
    name.starts_with("refs/") && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// The one line of such a file, or nothing if it does not exist.
fn read_name(path: &Path) -> Result<Option<String>, CheckoutError> {
    let mut text = String::new();
    match File::open(path).and_then(|file| file.take(LARGEST_NAME).read_to_string(&mut text)) {
        Ok(_) => Ok(Some(text.trim().to_owned())),
        // Where `refs/heads/a` is a file, `refs/heads/a/b` is not even looked for.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        // The other way round: a folder with other refs has the name of the one that is looked for.
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => Ok(None),
        Err(source) => Err(CheckoutError::Read { path: path.to_owned(), source }),
    }
}

/// Looks into the file of all refs that have none of their own.
fn packed(shared: &Path, name: &str) -> Result<Option<String>, CheckoutError> {
    let path = shared.join("packed-refs");
    let wrong = |source| CheckoutError::Read { path: path.clone(), source };
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = line.map_err(wrong)?;
        let line = String::from_utf8_lossy(&line);
        if let Some((commit, packed)) = line.trim_end().split_once(' ')
            && packed == name
        {
            return Ok(Some(commit.to_owned()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const A: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";
    const B: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn every_way_to_say_which_commit() {
        let packed =
            &format!("# pack-refs with: peeled fully-peeled sorted \n{B} refs/heads/main\n^{B}\n{A} refs/heads/a/b\n");
        let on = "ref: refs/heads/main\n";
        let long = &"ab".repeat(32);
        let (a, b) = (&format!("{A}\n"), &format!("{B}\n"));
        for (case, files, expected) in [
            ("detached", &[(".git/HEAD", a.as_str())][..], Some(A)),
            ("capitals", &[(".git/HEAD", &A.to_uppercase())], Some(A)),
            ("sha256", &[(".git/HEAD", long)], Some(long)),
            ("loose", &[(".git/HEAD", on), (".git/refs/heads/main", a), (".git/packed-refs", packed)], Some(A)),
            ("packed", &[(".git/HEAD", on), (".git/packed-refs", packed)], Some(B)),
            (
                "a folder has the name",
                &[(".git/HEAD", on), (".git/refs/heads/main/x", a), (".git/packed-refs", packed)],
                Some(B),
            ),
            (
                "a file is in the way",
                &[(".git/HEAD", "ref: refs/heads/a/b"), (".git/refs/heads/a", a), (".git/packed-refs", packed)],
                Some(A),
            ),
            (
                "of a ref",
                &[(".git/HEAD", on), (".git/refs/heads/main", "ref: refs/heads/x"), (".git/refs/heads/x", b)],
                Some(B),
            ),
            ("nested", &[(".git/HEAD", a), ("at/.git/HEAD", b)], Some(B)),
            (
                "submodule",
                &[(".git/HEAD", a), ("at/.git", "gitdir: ../.git/modules/at\n"), (".git/modules/at/HEAD", b)],
                Some(B),
            ),
            (
                "worktree",
                &[
                    ("at/.git", "gitdir: ../main/.git/worktrees/at\n"),
                    ("main/.git/worktrees/at/HEAD", on),
                    ("main/.git/worktrees/at/commondir", "../..\n"),
                    ("main/.git/refs/heads/main", b),
                ],
                Some(B),
            ),
            ("unborn", &[(".git/HEAD", on)], None),
            ("short", &[(".git/HEAD", &A[..12])], None),
            ("zeros", &[(".git/HEAD", &"0".repeat(40))], None),
            ("round", &[(".git/HEAD", on), (".git/refs/heads/main", on)], None),
            ("outside", &[(".git/HEAD", "ref: refs/../../secret"), ("secret", a)], None),
            ("absolute", &[(".git/HEAD", "ref: /etc/passwd")], None),
            ("no HEAD", &[(".git/config", "")], None),
            ("an empty .git inside hides the one around", &[(".git/HEAD", a), ("at/.git", "")], None),
            ("reftable", &[(".git/HEAD", "ref: refs/heads/.invalid")], None),
        ] {
            let tree = tree(files);
            let at = tree.path().join("at");
            fs::create_dir_all(&at).unwrap();
            let found = commit(&at);
            match expected {
                Some(expected) => assert_eq!(found.unwrap(), expected, "{case}"),
                None => assert!(matches!(found, Err(CheckoutError::NoCommit(_))), "{case}: {found:?}"),
            }
        }
    }

    #[test]
    fn folders_that_are_not_there_or_in_no_repository() {
        let tree = tree(&[]);
        assert!(matches!(commit(tree.path()), Err(CheckoutError::NoRepository(_))));
        assert!(matches!(commit(&tree.path().join("x")), Err(CheckoutError::Read { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_counts_as_what_it_leads_to() {
        let tree = tree(&[(".git/HEAD", A), ("pr/.git/HEAD", B), ("pr/images/x", "")]);
        std::os::unix::fs::symlink("pr/images", tree.path().join("images")).unwrap();
        assert_eq!(commit(&tree.path().join("images")).unwrap(), B);
    }
}
