//! The answer of `script.sh`: parts that begin with a line that has our mark. Lines that make no sense are left out, and
//! told where it matters.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sockets;
use super::{CONTENTS, Inventory, Manager, Missing, Package, User};
use crate::communicator::{Answer, Cut};

/// Characters of one text, items of one list. No honest machine comes near.
const TEXT: usize = 256;
const ITEMS: usize = 200_000;

/// Parts that every answer has.
const ALWAYS: [&str; 7] = ["system", "uname", "kernel", "users", "services", "python", "end"];

/// A package whose fields come a line each.
#[derive(Default)]
struct Stanza {
    name: String,
    version: String,
    architecture: String,
    /// Of dpkg: `install ok installed`.
    status: String,
}

#[derive(Default)]
struct Reader {
    inventory: Inventory,
    part: String,
    seen: BTreeSet<String>,
    stanza: Stanza,
    sockets: sockets::Reader,
    /// Packages of the part that were read, and that could not be.
    read: usize,
    broken: usize,
}

pub(super) fn inventory(answer: &Answer, mark: &str, patience: Duration) -> Inventory {
    let mut reader = Reader::default();
    for line in answer.bytes.split(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
        match line.strip_prefix(mark).and_then(|rest| rest.strip_prefix(' ')) {
            Some(rest) => match rest.strip_prefix("! ") {
                Some(why) => reader.lack(why),
                None => reader.begin(rest),
            },
            None => reader.line(&line),
        }
    }
    reader.end(answer.cut, patience)
}

impl Reader {
    fn begin(&mut self, part: &str) {
        self.close();
        self.part = part.to_owned();
        self.seen.insert(part.to_owned());
    }

    /// The part is over.
    fn close(&mut self) {
        self.flush();
        let (read, broken) = (std::mem::take(&mut self.read), std::mem::take(&mut self.broken));
        match (self.part.as_str(), read, broken) {
            ("dpkg" | "apk" | "pacman", 0, _) if self.inventory.lacks(&self.part).is_none() => {
                self.lack("its database has no package that can be read");
            }
            (_, _, 0) => {}
            (_, _, broken) => self.miss(&self.part.clone(), &format!("{broken} entries cannot be read"), true),
        }
    }

    fn lack(&mut self, why: &str) {
        self.miss(&self.part.clone(), why, false);
    }

    fn miss(&mut self, part: &str, why: &str, partly: bool) {
        let missing = Missing { part: part.to_owned(), why: clean(why), partly };
        if !self.inventory.missing.contains(&missing) && self.inventory.missing.len() < 50 {
            self.inventory.missing.push(missing);
        }
    }

    fn line(&mut self, line: &str) {
        match self.part.as_str() {
            "system" => self.system(line),
            "uname" if !line.is_empty() => self.inventory.system.architecture = clean(line),
            "kernel" if !line.is_empty() => self.inventory.system.kernel = clean(line),
            "users" => self.user(line),
            "services" if !line.is_empty() && self.inventory.services.len() < ITEMS => {
                self.inventory.services.push(clean(line));
            }
            "listening" => self.sockets.line(line),
            "python" => self.python(line),
            "ruby" => self.ruby(line),
            "node" => self.node(line),
            "dpkg" => self.dpkg(line),
            "apk" => self.apk(line),
            "pacman" => self.pacman(line),
            "rpm" => self.rpm(line),
            _ => {}
        }
    }

    /// Of `/etc/os-release`, which shells can read as well.
    fn system(&mut self, line: &str) {
        let Some((key, value)) = line.split_once('=') else { return };
        let value = clean(value.trim().trim_matches(['"', '\'']));
        let system = &mut self.inventory.system;
        match key {
            "ID" => system.id = value,
            "VERSION_ID" => system.version = value,
            "PRETTY_NAME" => system.name = value,
            _ => {}
        }
    }

    fn user(&mut self, line: &str) {
        if let [name, _, id, _, _, home, shell] = line.split(':').collect::<Vec<_>>()[..]
            && let Ok(id) = id.parse()
            && !name.is_empty()
            && self.inventory.users.len() < ITEMS
        {
            self.inventory.users.push(User { name: clean(name), id, home: clean(home), shell: clean(shell) });
        }
    }

    fn package(&mut self, manager: Manager, name: &str, version: &str, architecture: &str) {
        if name.is_empty() || version.is_empty() {
            self.broken += 1;
        } else if self.inventory.packages.len() < ITEMS {
            let [name, version, architecture] = [name, version, architecture].map(clean);
            self.inventory.packages.push(Package { manager, name, version, architecture });
            self.read += 1;
        }
    }

    /// `requests-2.31.0.dist-info`, `six-1.16.0-py3.11.egg-info`: names have no dash, versions neither.
    fn python(&mut self, line: &str) {
        let Some(stem) = line.strip_suffix(".dist-info").or_else(|| line.strip_suffix(".egg-info")) else { return };
        let mut parts = stem.split('-');
        if let (Some(name), Some(version)) = (parts.next(), parts.next()) {
            self.package(Manager::Python, name, version, "");
        }
    }

    /// `rack-2.2.3.gemspec`, `nokogiri-1.15.0-x86_64-linux.gemspec`.
    fn ruby(&mut self, line: &str) {
        let Some(stem) = line.strip_suffix(".gemspec") else { return };
        let begins = |at: usize| stem.as_bytes().get(at + 1).is_some_and(u8::is_ascii_digit);
        let Some(at) = stem.match_indices('-').map(|(at, _)| at).find(|at| begins(*at)) else { return };
        let (version, platform) = stem[at + 1..].split_once('-').unwrap_or((&stem[at + 1..], ""));
        self.package(Manager::Ruby, &stem[..at], version, platform);
    }

    /// `/usr/lib/node_modules/@a/b/package.json:  "version": "1.0.0",`.
    fn node(&mut self, line: &str) {
        let Some((path, rest)) = line.split_once("/package.json:") else { return };
        let Some((_, name)) = path.split_once("/node_modules/") else { return };
        let version = rest.split_once(':').and_then(|(_, value)| value.split('"').nth(1));
        self.package(Manager::Node, name, version.unwrap_or_default(), "");
    }

    fn dpkg(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(':') else { return self.flush() };
        let value = value.trim();
        let field = match key {
            // Where a blank line is missing, the next package is one none the less.
            "Package" => {
                self.flush();
                &mut self.stanza.name
            }
            "Version" => &mut self.stanza.version,
            "Architecture" => &mut self.stanza.architecture,
            "Status" => &mut self.stanza.status,
            _ => return,
        };
        value.clone_into(field);
    }

    fn apk(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(':') else { return self.flush() };
        let field = match key {
            "P" => &mut self.stanza.name,
            "V" => &mut self.stanza.version,
            "A" => &mut self.stanza.architecture,
            _ => return,
        };
        value.clone_into(field);
    }

    fn pacman(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(' ') else { return };
        let field = match key {
            "N" => {
                self.flush();
                &mut self.stanza.name
            }
            "V" => &mut self.stanza.version,
            "A" => &mut self.stanza.architecture,
            _ => return,
        };
        value.clone_into(field);
    }

    /// Keys that packages are signed with are kept as packages, too.
    fn rpm(&mut self, line: &str) {
        let [name, epoch, version, architecture] = line.split('\t').collect::<Vec<_>>()[..] else { return };
        let none = |text: &str| matches!(text, "(none)" | "0" | "");
        let version = if none(epoch) { version.to_owned() } else { format!("{epoch}:{version}") };
        let architecture = if architecture == "(none)" { "" } else { architecture };
        if name != "gpg-pubkey" {
            self.package(Manager::Rpm, name, &version, architecture);
        }
    }

    /// The package whose fields were read.
    fn flush(&mut self) {
        let Stanza { name, version, architecture, status } = std::mem::take(&mut self.stanza);
        let manager = match self.part.as_str() {
            "dpkg" => Manager::Dpkg,
            "apk" => Manager::Apk,
            "pacman" => Manager::Pacman,
            _ => return,
        };
        // What was removed leaves its entry, or its settings.
        let gone = matches!(status.split(' ').nth(2), Some("not-installed" | "config-files"));
        let empty = name.is_empty() && version.is_empty();
        if !gone && !empty {
            self.package(manager, &name, &version, &architecture);
        }
    }

    fn end(mut self, cut: Option<Cut>, patience: Duration) -> Inventory {
        let whole = self.seen.contains("end");
        if !whole {
            // The last line may be half of one.
            self.stanza = Stanza::default();
        }
        self.close();
        if !whole {
            let why = match cut {
                Some(Cut::TooLate) => format!("there was no answer within {} s", patience.as_secs()),
                Some(Cut::TooLong) => "the machine says more than is taken".to_owned(),
                None => "the machine's answer broke off".to_owned(),
            };
            self.break_off(&why);
        }
        if self.inventory.packages.len() == ITEMS {
            self.miss("packages", "there are more than are taken", true);
        }
        if self.inventory.system.id.is_empty() && self.inventory.lacks("system").is_none() {
            self.miss("system", "there is no os-release file", true);
        }
        if self.inventory.system.architecture.is_empty() && self.inventory.lacks("system").is_none() {
            self.miss("system", "there is no uname to ask for the architecture", true);
        }
        let mut inventory = self.inventory;
        inventory.listening = self.sockets.finish();
        inventory.packages.sort_unstable();
        inventory.packages.dedup();
        inventory.services.sort_unstable();
        inventory.services.dedup();
        inventory.users.sort_unstable();
        inventory.users.dedup();
        inventory
    }

    /// Nobody knows what would have come next.
    fn break_off(&mut self, why: &str) {
        let (last, seen) = (std::mem::take(&mut self.part), std::mem::take(&mut self.seen));
        if last.is_empty() {
            return self.miss(CONTENTS, why, false);
        }
        let managers = ["ruby", "node", "dpkg", "apk", "pacman", "rpm"];
        self.miss(&last, why, false);
        // The managers come in this order, and only those that are there are parts.
        let next = managers.iter().position(|name| *name == last).map_or(0, |at| at + 1);
        let parts = ALWAYS.iter().filter(|part| **part != "end").chain(&managers[next..]);
        for part in parts.filter(|part| !seen.contains(**part)) {
            self.miss(part, why, false);
        }
    }
}

/// Of a bounded length and in one line.
fn clean(text: &str) -> String {
    let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.trim().chars().take(TEXT).map(plain).collect()
}
