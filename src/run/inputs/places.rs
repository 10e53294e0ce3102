//! Folders of this machine, which differ where nothing else does: they are no part of what decides an image.

use std::path::{Path, PathBuf};

/// The folders that stand in texts by a name of theirs.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The working directory.
    pub cwd: PathBuf,
    /// Each folder as it is written, with what stands for it; inner ones first.
    names: Vec<(String, &'static str)>,
    /// The checkout that the working directory is in, or that itself, without links.
    home: Option<PathBuf>,
}

impl Places {
    pub(crate) fn new(cwd: &Path) -> Self {
        let mut names = vec![(shown(cwd), "<cwd>")];
        let checkout = cwd.ancestors().find(|folder| folder.join(".git").exists());
        let home = checkout.unwrap_or(cwd).canonicalize().ok();
        names.extend(checkout.filter(|checkout| *checkout != cwd).map(|checkout| (shown(checkout), "<checkout>")));
        names.retain(|(folder, _)| folder != "/" && !folder.is_empty());
        Self { cwd: cwd.to_owned(), names, home }
    }

    /// Where a path leads, if that is a part of the checkout. What lies elsewhere is the machine's.
    pub(crate) fn inside(&self, path: &Path) -> Option<PathBuf> {
        let home = self.home.as_ref()?;
        path.canonicalize().ok().filter(|found| found.starts_with(home))
    }

    /// The text with the folders' names in place of the folders.
    pub(crate) fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (folder, name) in &self.names {
            text = replaced(&text, folder, name);
        }
        text
    }

    /// A path from the working directory on, if it is below it; without `.` parts.
    pub(crate) fn name(&self, path: &Path) -> String {
        let path: PathBuf = path.components().collect();
        match path.strip_prefix(&self.cwd) {
            Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
            Ok(below) => shown(below),
            Err(_) => self.text(&shown(&path)),
        }
    }
}

fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() }
}

/// Replaces a folder where it is a whole path or the beginning of one.
fn replaced(text: &str, folder: &str, name: &str) -> String {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(folder) {
        let (before, behind) = (&rest[..at], &rest[at + folder.len()..]);
        out.push_str(before);
        let inside = out.chars().next_back().is_some_and(part) || behind.chars().next().is_some_and(part);
        out.push_str(if inside { folder } else { name });
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_replaced_where_it_is_a_path() {
        let places = Places {
            names: vec![("/w/c".to_owned(), "<cwd>"), ("/w".to_owned(), "<co>")],
            ..Places::new(Path::new("/w/c"))
        };
        for (text, expected) in [
            ("/w/c", "<cwd>"),
            ("a /w/c/x:/w/c", "a <cwd>/x:<cwd>"),
            ("/w/cc /srv/w/c /w/c-d", "<co>/cc /srv/w/c <co>/c-d"),
            ("/www", "/www"),
        ] {
            assert_eq!(places.text(text), expected, "{text}");
        }
        assert_eq!(places.name(Path::new("/w/c/./a/b")), "a/b");
        assert_eq!(places.name(Path::new("/w/x")), "<co>/x");
        assert_eq!(places.name(Path::new("/etc/x")), "/etc/x");
    }
}
