//! A server of `tests/lab` for one test: tells where it is in a line of JSON, has doors of its own below `/_lab`, and ends
//! when it is dropped.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

pub(crate) struct Served {
    process: Child,
    _stdin: ChildStdin,
    place: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It ends when its standard input does; a test that ends early leaves none behind either.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

impl Served {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let place = serde_json::from_str(&line).unwrap_or_else(|error| panic!("the lab said {line:?}: {error}"));
        Self { _stdin: process.stdin.take().unwrap(), process, place }
    }

    pub(crate) fn at(&self, name: &str) -> &str {
        self.place[name].as_str().unwrap()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.place[name].as_i64().unwrap()
    }

    /// Asks at one of the lab's own doors.
    pub(crate) fn ask(&self, door: &str, body: &Value) -> Value {
        let url = format!("{}/_lab/{door}", self.at("endpoint"));
        let output = Command::new("curl").args(["-sS", "-X", "POST", &url, "-d", &body.to_string()]).output().unwrap();
        assert!(output.status.success(), "{door}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{door}: {error}: {}", String::from_utf8_lossy(&output.stdout)))
    }

    /// All as it was at the start, at places of its own.
    pub(crate) fn reset(&mut self) {
        let place = self.ask("reset", &Value::Null);
        for (name, value) in place.as_object().unwrap() {
            self.place[name] = value.clone();
        }
    }
}
