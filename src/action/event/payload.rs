//! The event file: what GitHub sent about the event, read as data that may be missing, broken or hostile.
//!
//! Every look into it says which form is expected; what has another form counts as absent. Nothing of its contents is
//! put into a message.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::valid;

/// GitHub sends at most 25 MB.
const LARGEST: u64 = 64 << 20;

/// The parts anyone here asks for. The others, such as thousands of commits of a push, take no memory.
const PARTS: &[&str] = &[
    "action",
    "before",
    "check_run",
    "check_suite",
    "deleted",
    "issue",
    "merge_group",
    "number",
    "pull_request",
    "repository",
    "workflow_run",
];

/// The parts of an event file; nothing in it if there was none.
#[derive(Debug, Default)]
pub(super) struct Payload {
    parts: Value,
}

impl Payload {
    /// Reads the file, or says why that cannot be done.
    pub(super) fn read(path: Option<&str>) -> Result<Self, String> {
        let path = path.ok_or("GITHUB_EVENT_PATH is not set")?;
        let mut bytes = Vec::new();
        let read = File::open(Path::new(path)).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        read.map_err(|error| format!("the event file {path} cannot be read: {error}"))?;
        if bytes.len() as u64 > LARGEST {
            return Err(format!("the event file {path} is larger than {} MiB", LARGEST >> 20));
        }
        // The parser's own message can quote the file.
        serde_json::from_slice(&bytes).map_err(|error| {
            let what = if error.is_eof() { "ends too early" } else { "is no JSON object" };
            format!("the event file {path} {what} (line {}, column {})", error.line(), error.column())
        })
    }

    /// What is at a place such as `/pull_request/head/repo`. A null is found.
    pub(super) fn get(&self, place: &str) -> Option<&Value> {
        self.parts.pointer(place)
    }

    pub(super) fn text(&self, place: &str) -> Option<&str> {
        text(self.get(place)?)
    }

    pub(super) fn sha(&self, place: &str) -> Option<String> {
        valid::sha(self.text(place)?)
    }

    /// A number that counts something or identifies it.
    pub(super) fn number(&self, place: &str) -> Option<u64> {
        number(self.get(place)?)
    }

    pub(super) fn flag(&self, place: &str) -> bool {
        self.get(place).and_then(Value::as_bool).unwrap_or_default()
    }
}

pub(super) fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number > 0)
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parts;

        impl<'de> Visitor<'de> for Parts {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
                let mut parts = Map::new();
                while let Some(name) = map.next_key::<String>()? {
                    if PARTS.contains(&name.as_str()) {
                        parts.insert(name, map.next_value()?);
                    } else {
                        map.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(Payload { parts: Value::Object(parts) })
            }
        }

        deserializer.deserialize_map(Parts)
    }
}
