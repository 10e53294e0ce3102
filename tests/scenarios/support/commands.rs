//! The workflow commands in a log, found as the runner finds them (actions/runner: `OutputManager`, `ActionCommand`).

/// Names that the runner knows, in any case.
const KNOWN: &[&str] = &[
    "add-mask",
    "add-matcher",
    "add-path",
    "debug",
    "echo",
    "endgroup",
    "error",
    "group",
    "notice",
    "remove-matcher",
    "save-state",
    "set-env",
    "set-output",
    "stop-commands",
    "warning",
];

/// A command as the runner reads it. Names are in lower case here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Obeyed {
    pub name: String,
    pub properties: String,
    pub text: String,
}

/// Every command in a log, of which not all bytes need be text.
pub(crate) fn obeyed(log: &[u8]) -> Vec<Obeyed> {
    let log = String::from_utf8_lossy(log);
    // `StreamReader.ReadLine` ends a line at either of them.
    log.split(['\n', '\r']).filter_map(|line| new_form(line).or_else(|| old_form(line))).collect()
}

/// `::name ...::text` behind blanks.
fn new_form(line: &str) -> Option<Obeyed> {
    let (command, text) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    known(command, text)
}

/// `##[name ...]text` anywhere in a line.
fn old_form(line: &str) -> Option<Obeyed> {
    let (command, text) = line.split_once("##[")?.1.split_once(']')?;
    known(command, text)
}

fn known(command: &str, text: &str) -> Option<Obeyed> {
    let (name, properties) = command.split_once(' ').unwrap_or((command, ""));
    let name = KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name))?;
    Some(Obeyed { name: (*name).to_owned(), properties: properties.to_owned(), text: text.to_owned() })
}
