//! Credentials that other steps of a workflow leave in its folder, and that must not become part of an image: the file of
//! google-github-actions/auth, and the token that actions/checkout keeps in `.git/config`, in that of each submodule, or
//! since its version 6 in a file of its own that these lead to.

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

/// Larger files are no configuration of git's, in bytes.
const LARGEST: u64 = 1 << 20;

/// Fails when there is such a file at or below a path that is about to become part of an image. Looks on a thread of its
/// own: a folder may be large. `follow_links` when what links in a folder lead to becomes part of the image in their
/// place.
pub(crate) async fn refuse(path: PathBuf, follow_links: bool) -> Result<(), String> {
    let found = tokio::task::spawn_blocking(move || below(&path, follow_links)).await;
    let Ok(Some(file)) = found else { return Ok(()) };
    let file = file.display();
    Err(format!("{file} holds credentials of the workflow, which would become part of the image"))
}

/// The first such file. A link that is named itself is followed in any case.
fn below(path: &Path, follow_links: bool) -> Option<PathBuf> {
    let led_to = path.is_symlink().then(|| std::fs::canonicalize(path).ok()).flatten();
    let entries =
        WalkDir::new(led_to.as_deref().unwrap_or(path)).follow_links(follow_links).into_iter().filter_map(Result::ok);
    let mut files = entries.filter(|entry| entry.file_type().is_file());
    files.find_map(|entry| {
        // The names of links say nothing of what is there.
        let asks = entry.path_is_symlink() || name(Some(entry.path())) == "config";
        let real = asks.then(|| std::fs::canonicalize(entry.path()).ok()).flatten();
        let found = is_credential(entry.path()) || real.is_some_and(|real| is_credential(&real));
        found.then(|| entry.into_path())
    })
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
        assert_eq!(below(folder.path(), true), None);
        let token = write("b/.git/config", "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic x\n");
        assert_eq!(below(folder.path(), true), Some(token));
        let token = write("d/.git/modules/lib/config", "[http]\n\textraheader = AUTHORIZATION: basic x\n");
        assert_eq!(below(&folder.path().join("d"), true), Some(token));
        let token = write("e/git-credentials-0a1b.config", "");
        assert_eq!(below(&folder.path().join("e"), true), Some(token));
        let key = write("c/gha-creds-12ab.json", "{}");
        assert_eq!(below(&key, true), Some(key.clone()));
        assert_eq!(below(&folder.path().join("c"), true), Some(key));
        #[cfg(unix)]
        {
            let link = folder.path().join("innocent.json");
            std::os::unix::fs::symlink("c/gha-creds-12ab.json", &link).unwrap();
            assert!(below(&link, true).is_some_and(|found| found.ends_with("c/gha-creds-12ab.json")));
            std::fs::create_dir(folder.path().join("f")).unwrap();
            std::os::unix::fs::symlink("../b/.git", folder.path().join("f/git")).unwrap();
            assert_eq!(below(&folder.path().join("f"), true), Some(folder.path().join("f/git/config")));
            assert_eq!(below(&folder.path().join("f"), false), None);
        }
    }
}
