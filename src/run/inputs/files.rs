//! Files and folders beside the template that an image is made of, as inputs: one for each, however large it is.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};

use super::{Input, Places, hex};

/// Bytes read at once.
const CHUNK: usize = 1 << 16;
/// Letters of a digest that people are shown.
const SHOWN: usize = 12;

/// Says of a path below a folder that it is not read.
pub(crate) type Ignore = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

/// A file or folder that a component reads.
#[derive(Clone)]
pub(crate) struct Local {
    /// Absolute, or from the working directory on.
    pub path: PathBuf,
    /// Whether a file's mode gets into the image; those inside of a folder always do.
    pub with_mode: bool,
    /// What of a folder stays out.
    pub ignore: Option<Ignore>,
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Local({})", self.path.display())
    }
}

impl Local {
    /// A file that counts by its bytes.
    pub(crate) fn bytes(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), with_mode: false, ignore: None }
    }

    /// A file or folder that is copied with its modes.
    pub(crate) fn copied(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), with_mode: true, ignore: None }
    }
}

/// A path, whether the mode of a file counts, whether parts of a folder are left out.
type Key = (PathBuf, bool, bool);
/// Filled by the first who asks; the others wait for it.
type Answer = Arc<OnceLock<Result<Input, String>>>;

/// What has been read in this run: nothing is read twice, whoever asks.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    known: Mutex<HashMap<Key, Answer>>,
}

impl Hashes {
    /// The input that a file or folder is. Blocks while it is read; the error names it.
    pub(super) fn of(&self, local: &Local, places: &Places) -> Result<Input, String> {
        let path = places.cwd.join(&local.path);
        let key = (path.clone(), local.with_mode, local.ignore.is_some());
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(key).or_default())
        };
        cell.get_or_init(|| {
            let name = places.name(&path);
            input(&path, &name, local, places).map_err(|error| format!("{name} cannot be read: {error}"))
        })
        .clone()
    }
}

fn input(path: &Path, name: &str, local: &Local, places: &Places) -> io::Result<Input> {
    let found = std::fs::metadata(path)?;
    if found.is_dir() {
        let (files, digest) = tree(path, local.ignore.as_ref(), places, &mut HashSet::new())?;
        let files = format!("{files} file{}", if files == 1 { "" } else { "s" });
        let value = format!("sha256:{}, {files}", &digest[..SHOWN]);
        return Ok(Input { name: format!("folder {name}"), value: Some(value), digest: Some(digest) });
    }
    // A pipe or device could keep us waiting for ever.
    if !found.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let contents = file(path)?;
    let (value, digest) = match local.with_mode {
        false => (format!("sha256:{}", &contents[..SHOWN]), contents),
        true => {
            let mode = mode(&found);
            let both = super::sha256(format!("{mode:o} {contents}").as_bytes());
            (format!("sha256:{}, mode {mode:o}", &contents[..SHOWN]), both)
        }
    };
    Ok(Input { name: format!("file {name}"), value: Some(value), digest: Some(digest) })
}

/// In hexadecimal.
fn file(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Files of a folder, and the digest over the sorted list of all that is in it but `.git`: kind, mode, path, and
/// contents or target. Some ways of an upload follow links: what one leads to in the checkout counts as well, each folder
/// in `seen` once, so that none that leads back is followed for ever.
fn tree(
    root: &Path,
    ignore: Option<&Ignore>,
    places: &Places,
    seen: &mut HashSet<PathBuf>,
) -> io::Result<(usize, String)> {
    seen.extend(root.canonicalize().ok());
    let (mut hash, mut files) = (Sha256::new(), 0);
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        let Ok(inside) = entry.path().strip_prefix(root) else { continue };
        // The root may be a link to a folder; links inside stay links.
        let is_root = inside.as_os_str().is_empty();
        // Each clone has another one of the same commit.
        if inside.components().any(|part| part.as_os_str() == ".git") {
            continue;
        }
        if !is_root && ignore.is_some_and(|ignore| ignore(inside)) {
            continue;
        }
        let found = if is_root { std::fs::metadata(root)? } else { entry.metadata()? };
        let (kind, contents) = if found.is_file() {
            files += 1;
            ("file", file(entry.path())?)
        } else if found.is_symlink() {
            let target = slashes(&std::fs::read_link(entry.path())?);
            ("link", target + &behind(entry.path(), places, seen)?)
        } else if found.is_dir() {
            ("folder", String::new())
        } else {
            continue;
        };
        // A link has the mode of the system, not one of its own.
        let mode = if kind == "link" { 0 } else { mode(&found) };
        for part in [kind, &format!("{mode:o}"), &slashes(inside), &contents] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    Ok((files, hex(&hash.finalize())))
}

/// The digest of what a link leads to; empty where that is no part of the checkout, or nothing.
fn behind(link: &Path, places: &Places, seen: &mut HashSet<PathBuf>) -> io::Result<String> {
    let Some(target) = places.inside(link) else { return Ok(String::new()) };
    let found = std::fs::metadata(&target)?;
    let digest = match (found.is_file(), found.is_dir()) {
        (true, _) => format!("{:o} {}", mode(&found), file(&target)?),
        (_, true) if !seen.contains(&target) => tree(&target, None, places, seen)?.1,
        _ => return Ok(String::new()),
    };
    Ok(format!(" -> {digest}"))
}

/// The same text on every system. Bytes that are no text are written as numbers, so that no two paths are the same.
fn slashes(path: &Path) -> String {
    match path.to_str() {
        Some(text) if cfg!(windows) => text.replace('\\', "/"),
        Some(text) => text.to_owned(),
        None => path.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
    }
}

#[cfg(unix)]
fn mode(found: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    // Who else may write is the umask of whoever checked out, and no part of a commit.
    found.permissions().mode() & 0o7755
}

#[cfg(not(unix))]
fn mode(_: &std::fs::Metadata) -> u32 {
    0
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn of(folder: &Path, local: &Local) -> Result<Input, String> {
        Hashes::default().of(local, &Places::new(folder))
    }

    #[test]
    fn every_difference_of_a_tree_is_another_digest() {
        let make = || {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path().join("t");
            fs::create_dir_all(at.join("sub")).unwrap();
            fs::write(at.join("sub/a"), "a").unwrap();
            fs::write(at.join("b"), "b").unwrap();
            symlink("b", at.join("l")).unwrap();
            (folder, at)
        };
        let digest = |folder: &Path| of(folder, &Local::copied("t")).unwrap().digest;
        let (first, _first_at) = make();
        let expected = digest(first.path());
        let changes: [&dyn Fn(&Path); 6] = [
            &|at| fs::write(at.join("sub/a"), "A").unwrap(),
            &|at| fs::rename(at.join("b"), at.join("c")).unwrap(),
            &|at| fs::set_permissions(at.join("b"), fs::Permissions::from_mode(0o755)).unwrap(),
            &|at| {
                fs::remove_file(at.join("l")).unwrap();
                symlink("c", at.join("l")).unwrap();
            },
            &|at| fs::create_dir(at.join("empty")).unwrap(),
            &|at| {
                fs::remove_file(at.join("l")).unwrap();
                fs::write(at.join("l"), "b").unwrap();
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            let (folder, at) = make();
            assert_eq!(digest(folder.path()), expected);
            change(&at);
            assert_ne!(digest(folder.path()), expected, "change {number}");
        }
    }

    #[test]
    fn what_links_lead_to_in_the_checkout_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (at, elsewhere) = (folder.path().join("t"), tempfile::tempdir().unwrap());
        fs::create_dir_all(folder.path().join("shared/deep")).unwrap();
        fs::create_dir(&at).unwrap();
        for (name, text) in [("shared/a", "a"), ("shared/deep/b", "b")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        fs::write(elsewhere.path().join("c"), "c").unwrap();
        symlink("../shared/a", at.join("file")).unwrap();
        symlink("../shared/deep", at.join("folder")).unwrap();
        symlink("..", at.join("round")).unwrap();
        symlink("nowhere", at.join("dangling")).unwrap();
        symlink(elsewhere.path().join("c"), at.join("away")).unwrap();
        let digest = || of(folder.path(), &Local::copied("t")).unwrap().digest;
        let mut known = vec![digest()];
        for name in ["shared/a", "shared/deep/b"] {
            fs::write(folder.path().join(name), "changed").unwrap();
            let now = digest();
            assert!(!known.contains(&now), "{name}");
            known.push(now);
        }
        fs::write(elsewhere.path().join("c"), "changed").unwrap();
        assert_eq!(Some(&digest()), known.last(), "what lies elsewhere is the machine's");
    }

    #[test]
    fn clones_of_a_commit_are_the_same() {
        let clone = |umask: u32, git: &str| {
            let folder = tempfile::tempdir().unwrap();
            let at = folder.path().join("t");
            fs::create_dir_all(at.join(".git")).unwrap();
            fs::write(at.join(".git/index"), git).unwrap();
            fs::write(at.join("a"), "a").unwrap();
            for (name, mode) in [("a", 0o666), ("", 0o777)] {
                fs::set_permissions(at.join(name), fs::Permissions::from_mode(mode & !umask)).unwrap();
            }
            let tree = of(folder.path(), &Local::copied("t")).unwrap();
            (tree, of(folder.path(), &Local::copied("t/a")).unwrap())
        };
        assert_eq!(clone(0o022, "1"), clone(0o002, "2"));
        assert_ne!(clone(0o022, "1").0, clone(0o077, "1").0, "what others may read counts");
    }

    #[test]
    fn a_file_is_named_from_here_and_what_is_ignored_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("d")).unwrap();
        fs::write(folder.path().join("d/a.log"), "1").unwrap();
        fs::write(folder.path().join("d/s.sh"), "x").unwrap();
        let script = of(folder.path(), &Local::bytes("d/s.sh")).unwrap();
        assert_eq!((script.name.as_str(), script.digest), ("file d/s.sh", Some(super::super::sha256(b"x"))));
        let ignore: Ignore = Arc::new(|path: &Path| path.extension().is_some_and(|e| e == "log"));
        let local = || Local { ignore: Some(Arc::clone(&ignore)), ..Local::copied("d") };
        let before = of(folder.path(), &local()).unwrap();
        assert!(before.value.as_ref().unwrap().ends_with(", 1 file"), "{before:?}");
        fs::write(folder.path().join("d/a.log"), "2").unwrap();
        assert_eq!(of(folder.path(), &local()).unwrap(), before);
        let gone = of(folder.path(), &Local::bytes("no")).unwrap_err();
        assert!(gone.starts_with("no cannot be read: "), "{gone}");
    }
}
