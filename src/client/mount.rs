//! File systems that a run mounted on this machine.

use std::path::Path;
use std::time::Duration;

use crate::run::cleanup::Released;

/// What ends by itself has ended by then.
const BUSY: Duration = Duration::from_secs(2);
const GIVE_UP: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

/// Takes the mount off with the command line `unmount`, and the empty folder with it when `remove_directory`. Programs
/// that were started in there and do not end by themselves are ended: a service that a package started, or what a
/// killed build left.
pub(crate) async fn release(path: &Path, unmount: &str, remove_directory: bool) -> Result<Released, String> {
    let mut released = Released::Absent;
    let begun = std::time::Instant::now();
    while is_mounted(path) {
        let mut command = tokio::process::Command::new("/bin/sh");
        let done = command.arg("-c").arg(unmount).stdin(std::process::Stdio::null()).output().await;
        let done = done.map_err(|error| format!("{unmount}: {error}"))?;
        if done.status.success() {
            released = Released::Removed;
            continue;
        }
        let inside = holders(path);
        if begun.elapsed() > GIVE_UP {
            let said = String::from_utf8_lossy(&done.stderr);
            return Err(format!("{unmount}: {}{}", said.trim(), named(&inside)));
        }
        if begun.elapsed() > BUSY {
            for holder in &inside {
                holder.end();
            }
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
    mounts.lines().filter_map(|line| line.split(' ').nth(1)).any(|at| Path::new(&unescaped(at)) == path)
}

/// The kernel writes blanks, tabs, line ends and backslashes of a path as three octal digits.
fn unescaped(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(text.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

/// A process that keeps the mount busy.
struct Holder {
    id: i32,
    name: String,
    /// The mount is its root: it was started in there.
    lives_there: bool,
}

impl Holder {
    /// Asks nothing of a process that is only looking: somebody's shell in that folder.
    #[cfg(unix)]
    fn end(&self) {
        if let Some(id) = rustix::process::Pid::from_raw(self.id).filter(|_| self.lives_there) {
            tracing::warn!(id = self.id, name = self.name, "ended: it was started in the image and still ran");
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
        }
    }

    #[cfg(not(unix))]
    fn end(&self) {
        tracing::debug!(id = self.id, lives_there = self.lives_there, "there are no mounts on this system");
    }
}

fn holders(path: &Path) -> Vec<Holder> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let holder = |entry: std::fs::DirEntry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let leads = |link: &str| std::fs::read_link(entry.path().join(link)).is_ok_and(|at| at.starts_with(path));
        let lives_there = leads("root");
        let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default().trim().to_owned();
        (lives_there || leads("cwd")).then_some(Holder { id, name, lives_there })
    };
    processes.filter_map(holder).collect()
}

/// So that somebody can end them.
fn named(holders: &[Holder]) -> String {
    let names: Vec<String> = holders.iter().map(|holder| format!("{} ({})", holder.name, holder.id)).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("; still used by {}", names.join(", ")),
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
