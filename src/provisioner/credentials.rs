//! Credentials that other steps of a workflow leave in its folder, and that must not become part of an image: the file of
//! google-github-actions/auth, and the token that actions/checkout keeps in `.git/config`, in that of each submodule, or
//! since its version 6 in a file of its own that these lead to.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Larger files are no configuration of git's, in bytes.
const LARGEST: u64 = 1 << 20;

/// The first such file at or below a path that is about to be uploaded.
pub(super) fn below(path: &Path) -> Option<PathBuf> {
    let entries = WalkDir::new(path).into_iter().filter_map(Result::ok);
    let mut files = entries.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files.find(|file| is_credential(file))
}

fn is_credential(file: &Path) -> bool {
    match name(Some(file)) {
        // Those of submodules are below `.git/modules`.
        "config" if file.iter().any(|part| part == ".git") => {
            let small = std::fs::metadata(file).is_ok_and(|found| found.len() <= LARGEST);
            let text = if small { std::fs::read_to_string(file).unwrap_or_default() } else { String::new() };
            let text = text.to_ascii_lowercase();
            text.contains("extraheader") && text.contains("authorization")
        }
        name => {
            name.starts_with("gha-creds-") && name.ends_with(".json")
                || name.starts_with("git-credentials-") && name.ends_with(".config")
        }
    }
}

fn name(path: Option<&Path>) -> &str {
    path.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_of_other_steps_are_found_and_plain_checkouts_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        write("a/.git/config", "[core]\n\tbare = false\n");
        write("a/config", "extraheader authorization");
        write("a/gha-creds.json", "{}");
        assert_eq!(below(folder.path()), None);
        let token = write("b/.git/config", "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic x\n");
        assert_eq!(below(folder.path()), Some(token));
        let token = write("d/.git/modules/lib/config", "[http]\n\textraheader = AUTHORIZATION: basic x\n");
        assert_eq!(below(&folder.path().join("d")), Some(token));
        let token = write("e/git-credentials-0a1b.config", "");
        assert_eq!(below(&folder.path().join("e")), Some(token));
        let key = write("c/gha-creds-12ab.json", "{}");
        assert_eq!(below(&key), Some(key.clone()));
        assert_eq!(below(&folder.path().join("c")), Some(key));
    }
}
