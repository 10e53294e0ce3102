//! File systems that a run mounted on this machine.

use std::path::Path;
use std::time::Duration;

use crate::run::cleanup::Released;

/// What still ends when it is asked to has ended by then.
const BUSY: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(250);

/// Takes the mount off with the command line `unmount`, and the empty folder with it when `remove_directory`.
pub(crate) async fn release(path: &Path, unmount: &str, remove_directory: bool) -> Result<Released, String> {
    let begun = std::time::Instant::now();
    let mut released = Released::Absent;
    while is_mounted(path) {
        let mut command = tokio::process::Command::new("/bin/sh");
        let done = command.arg("-c").arg(unmount).stdin(std::process::Stdio::null()).output().await;
        let done = done.map_err(|error| format!("{unmount}: {error}"))?;
        if done.status.success() {
            released = Released::Removed;
            continue;
        }
        if begun.elapsed() > BUSY {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(format!("{unmount}: {}{}", said.trim(), holders(path)));
        }
        tokio::time::sleep(PAUSE).await;
    }
    if remove_directory {
        // Never with contents: what is in it then is not ours.
        let _ = std::fs::remove_dir(path);
    }
    Ok(released)
}

/// Whether something is mounted right there.
pub(crate) fn is_mounted(path: &Path) -> bool {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let found = mounts.lines().filter_map(|line| line.split(' ').nth(1)).any(|at| Path::new(&unescaped(at)) == path);
    found
}

/// The kernel writes blanks, tabs, line ends and backslashes of a path as three octal digits.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// Processes that live in there, so that somebody can end them.
fn holders(path: &Path) -> String {
    let Ok(processes) = std::fs::read_dir("/proc") else { return String::new() };
    let lives_there = |process: &Path| {
        ["root", "cwd"].iter().any(|link| std::fs::read_link(process.join(link)).is_ok_and(|at| at.starts_with(path)))
    };
    let found: Vec<String> = processes
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()))
        .filter(|entry| lives_there(&entry.path()))
        .map(|entry| {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            format!("{} ({})", name.trim(), entry.file_name().to_string_lossy())
        })
        .collect();
    match found.is_empty() {
        true => String::new(),
        false => format!("; still running in there: {}; stop them in the last provisioner", found.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_mounted_is_known() {
        assert!(is_mounted(Path::new("/proc")));
        assert!(!is_mounted(Path::new("/proc/self")));
        assert_eq!(unescaped("/a\\040b\\134c"), "/a b\\c");
    }
}
