//! Folders as tar archives, on their way to a machine and from it.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use crate::client::archive::ChunkWriter;

pub(super) type Tar = tar::Builder<ChunkWriter>;

/// User and group, where they are not the source's.
pub(super) type Owner = Option<(u64, u64)>;

pub(super) fn append_file(tar: &mut Tar, path: &Path, name: &Path, owner: Owner) -> io::Result<()> {
    append_as(tar, path, name, |header| set_owner(header, owner))
}

/// Appends a file whose header is not all the file's own.
pub(super) fn append_as(
    tar: &mut Tar,
    path: &Path,
    name: &Path,
    adjust: impl FnOnce(&mut tar::Header),
) -> io::Result<()> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(named)?;
    let found = file.metadata().map_err(named)?;
    let mut header = tar::Header::new_gnu();
    header.set_metadata(&found);
    adjust(&mut header);
    let mut exact = Exact { inner: file, left: found.len() };
    tar.append_data(&mut header, name, &mut exact)
}

/// A file that shrinks while it is read would shift everything after it in the archive.
struct Exact {
    inner: std::fs::File,
    left: u64,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.inner.read(&mut buffer[..wanted])?;
        if read == 0 && wanted > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file shrank while it was uploaded"));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

pub(super) fn append_tree(
    tar: &mut Tar,
    root: &Path,
    prefix: &Path,
    owner: Owner,
    events: &crate::run::event::EventSender,
) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry?;
        let Ok(inside) = entry.path().strip_prefix(root) else { continue };
        let name = prefix.join(inside);
        // The destination itself, when it exists, keeps its owner and mode.
        if name.as_os_str().is_empty() {
            continue;
        }
        // The root may be a link to a folder; links inside stay links.
        let found = if inside.as_os_str().is_empty() { std::fs::metadata(root)? } else { entry.metadata()? };
        if found.is_file() {
            append_file(tar, entry.path(), &name, owner)?;
            continue;
        }
        let mut header = tar::Header::new_gnu();
        header.set_metadata(&found);
        set_owner(&mut header, owner);
        header.set_size(0);
        if found.is_dir() {
            tar.append_data(&mut header, &name, io::empty())?;
        } else if found.is_symlink() {
            tar.append_link(&mut header, &name, std::fs::read_link(entry.path())?)?;
        } else {
            let text = format!("{} is neither file, folder nor link: not uploaded", entry.path().display());
            events.send(crate::run::event::EventKind::Warning { text });
        }
    }
    Ok(())
}

#[cfg(unix)]
pub(super) fn mode_of(found: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o7777
}

#[cfg(not(unix))]
pub(super) fn mode_of(found: &std::fs::Metadata) -> u32 {
    if found.is_dir() { 0o755 } else { 0o644 }
}

/// Name of the folder `source` where it goes into a folder that is there; empty when only its contents are meant.
pub(super) fn inner_name(source: &str) -> io::Result<String> {
    if source.ends_with('/') || source.ends_with("/.") {
        return Ok(String::new());
    }
    // `..` and `.` have no name of their own: ask where they lead.
    let whole = Path::new(source).canonicalize()?;
    Ok(whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}

pub(super) fn set_owner(header: &mut tar::Header, owner: Owner) {
    if let Some((uid, gid)) = owner {
        header.set_uid(uid);
        header.set_gid(gid);
    }
}

/// Where a folder of the machine goes that keeps its name.
pub(super) fn under_its_name(destination: &Path, source: &str) -> PathBuf {
    match source.trim_end_matches('/').rsplit('/').next() {
        Some(name) if !matches!(name, "" | "." | "..") => destination.join(name),
        _ => destination.to_owned(),
    }
}

/// Unpacks the contents of the archive's one folder into `target`. Nothing is written outside of it, whatever the
/// container's names and links say.
pub(super) fn unpack(tar: &mut tar::Archive<Box<dyn Read + Send>>, target: &Path) -> io::Result<()> {
    std::fs::create_dir_all(target)?;
    let target = target.canonicalize()?;
    for entry in tar.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.into_owned();
        let inside: PathBuf = name.components().skip(1).collect();
        let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
        if inside.as_os_str().is_empty() || !plain {
            continue;
        }
        let path = target.join(&inside);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
            if !parent.canonicalize()?.starts_with(&target) {
                let text = format!("{} leads out of the destination", inside.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
        }
        if entry.header().entry_type().is_hard_link() {
            // Its source is named within the archive: the same first part goes.
            let source: PathBuf = entry.link_name()?.unwrap_or_default().components().skip(1).collect();
            let _ = std::fs::remove_file(&path);
            let source = target.join(source).canonicalize()?;
            if source.starts_with(&target) {
                std::fs::hard_link(source, &path)?;
            }
            continue;
        }
        entry.unpack(&path)?;
    }
    Ok(())
}
