//! The runner's file commands, such as `GITHUB_OUTPUT`: entries that one malformed line would all make void.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

/// A file that the runner reads after the step.
#[derive(Debug, Clone)]
pub(crate) struct OutputFile {
    path: PathBuf,
}

impl OutputFile {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Adds `name` with a value of any number of lines.
    pub(crate) fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let delimiter = format!("forge_{:032x}", rand::random::<u128>());
        self.append(&entry(name, value, &delimiter)?)
    }

    /// Adds text as it is, for the summary, which has no entries.
    pub(crate) fn append(&self, text: &str) -> io::Result<()> {
        OpenOptions::new().append(true).create(true).open(&self.path)?.write_all(text.as_bytes())
    }
}

/// An entry in the form for several lines. The delimiter is random: text of others that guessed it could go on with
/// entries of its own.
fn entry(name: &str, value: &str, delimiter: &str) -> io::Result<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(io::Error::other(format!("{name:?} cannot be the name of an output")));
    }
    if value.contains(delimiter) {
        return Err(io::Error::other("the value holds the delimiter of its own entry"));
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_cannot_end_their_entry() {
        assert_eq!(entry("image-id", "a\nb=c", "D").unwrap(), "image-id<<D\na\nb=c\nD\n");
        assert!(entry("a", "x\nD\nresult=success", "D").is_err());
        for name in ["", "a=b", "a<<b", "a\nb"] {
            assert!(entry(name, "x", "D").is_err(), "{name:?}");
        }
    }

    #[test]
    fn entries_are_appended_each_with_a_delimiter_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        let file = OutputFile::new(&path);
        file.set("a", "1").unwrap();
        file.set("b", "2\n3").unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let [a, "1", end, b, "2", "3", last] = lines[..] else { panic!("{text}") };
        assert_eq!((a, b), (format!("a<<{end}").as_str(), format!("b<<{last}").as_str()));
        assert!(end != last && end.len() == 38);
        assert!(OutputFile::new(folder.path()).set("a", "1").is_err());
    }
}
