//! Paths of the file: relative to the working directory and inside of it, whatever the file says.

use std::path::{Component, Path, PathBuf};

/// The path without its `.` parts, or why it cannot be used.
pub(super) fn inside(text: &str) -> Result<PathBuf, &'static str> {
    let drive = text.as_bytes().get(1) == Some(&b':');
    if text.starts_with(['/', '\\']) || drive {
        return Err("is absolute");
    }
    let mut depth = 0_usize;
    let mut path = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::CurDir => continue,
            Component::ParentDir => depth = depth.checked_sub(1).ok_or("leads out of the repository")?,
            _ => depth += 1,
        }
        path.push(part);
    }
    if path == Path::new("-") {
        return Err("is standard input");
    }
    Ok(if path.as_os_str().is_empty() { PathBuf::from(".") } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_inside() {
        for (text, path) in [("images/web", "images/web"), ("./a/./b/", "a/b"), (".", "."), ("a/../b", "a/../b")] {
            assert_eq!(inside(text).map(|path| path.to_string_lossy().into_owned()), Ok(path.to_owned()));
        }
        for text in ["/etc", "\\\\server", "C:\\x", "..", "a/../../b", "-"] {
            assert!(inside(text).is_err(), "{text}");
        }
    }
}
