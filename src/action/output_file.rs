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
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    use super::*;

    /// What the runner makes of a file: `=` or `<<`, whichever comes first in a line, says which form an entry has. A
    /// malformed one makes the whole file void.
    fn read(text: &str) -> Result<Vec<(String, String)>, String> {
        let (mut entries, mut rest) = (Vec::new(), text);
        while let Some((line, more)) = split(rest) {
            rest = more;
            let (equals, heredoc) = (line.find('='), line.find("<<"));
            match (equals, heredoc) {
                _ if line.is_empty() => {}
                (Some(at), more) if more.is_none_or(|other| at < other) => {
                    entries.push((named(&line[..at])?, line[at + 1..].to_owned()));
                }
                (_, Some(at)) => {
                    let (name, delimiter, from) = (named(&line[..at])?, named(&line[at + 2..])?, rest);
                    let mut before = "";
                    loop {
                        let (line, more) = split(rest).ok_or("the closing delimiter is missing")?;
                        if line == delimiter {
                            break;
                        }
                        (before, rest) = (&from[..from.len() - more.len()], more);
                    }
                    entries.push((name, before.strip_suffix('\n').unwrap_or(before).to_owned()));
                    rest = split(rest).map_or("", |(_, more)| more);
                }
                (None, None) | (Some(_), None) => return Err(format!("malformed line {line:?}")),
            }
        }
        Ok(entries)
    }

    fn named(text: &str) -> Result<String, String> {
        if text.is_empty() { Err("an empty name or delimiter".to_owned()) } else { Ok(text.to_owned()) }
    }

    /// The next line and what follows it.
    fn split(text: &str) -> Option<(&str, &str)> {
        (!text.is_empty()).then(|| text.split_once('\n').unwrap_or((text, "")))
    }

    #[test]
    fn the_grammar_of_the_runner_is_read_here() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a<<E\n1\n2\nE\nb=c<<d\n").unwrap(), [pair("a", "1\n2"), pair("b", "c<<d")]);
        assert_eq!(read("a<<E\nE\nb<<F\n\nF").unwrap(), [pair("a", ""), pair("b", "")]);
        for bad in ["=x\n", "novalue\n", "a<<E\n1\n", "a<<\n", "<<E\nE\n"] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn any_value_comes_back_as_it_was_written() {
        const PIECES: [&str; 20] = [
            "\n",
            "\r\n",
            "\r",
            "=",
            "<<",
            "result=success",
            "image-id<<EOF",
            "EOF",
            "forge_",
            "_",
            "a",
            "0f",
            " ",
            "\t",
            "é",
            "🦀",
            "\u{feff}",
            "\u{2028}",
            "\u{0}",
            "::add-mask::x",
        ];
        let folder = tempfile::tempdir().unwrap();
        for seed in 0..500 {
            let random = &mut StdRng::seed_from_u64(seed);
            let path = folder.path().join(seed.to_string());
            let mut wanted: Vec<(String, String)> = Vec::new();
            for name in ["image-id", "images", "result"] {
                let length = random.random_range(0..40);
                let mut value: String = (0..length).map(|_| PIECES[random.random_range(0..PIECES.len())]).collect();
                if random.random_bool(0.3) && !wanted.is_empty() {
                    // What somebody read in the file so far, delimiters and all.
                    value.insert_str(0, &std::fs::read_to_string(&path).unwrap());
                }
                OutputFile::new(&path).set(name, &value).unwrap();
                wanted.push((name.to_owned(), value));
            }
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(read(&text), Ok(wanted), "seed {seed}: {text:?}");
        }
    }

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
