//! A server of `tests/lab` for one test: tells where it is in a line of JSON, has doors of its own below `/_lab`, and ends
//! when it is dropped.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

pub(crate) struct Served {
    /// The server ends when this does; a test that ends early leaves none behind either.
    life: UnixStream,
    place: Value,
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.life.shutdown(Shutdown::Write);
        let _ = self.life.read_to_end(&mut Vec::new());
    }
}

impl Served {
    pub(crate) fn at(&self, name: &str) -> &str {
        self.place[name].as_str().unwrap()
    }

    pub(crate) fn number(&self, name: &str) -> i64 {
        self.place[name].as_i64().unwrap()
    }

    /// Asks at one of the lab's own doors.
    pub(crate) fn ask(&self, door: &str, body: &Value) -> Value {
        let address = self.at("endpoint").strip_prefix("http://").unwrap();
        let body = body.to_string();
        let mut connection = TcpStream::connect(address).unwrap();
        write!(connection, "POST /_lab/{door} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        let mut said = String::new();
        connection.read_to_string(&mut said).unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or((&said, ""));
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{door}: {error}: {head}\n{body}"))
    }

    /// All as it was at the start, at places of its own.
    pub(crate) fn reset(&mut self) {
        let place = self.ask("reset", &Value::Null);
        for (name, value) in place.as_object().unwrap() {
            self.place[name] = value.clone();
        }
    }
}

/// A process that serves each test by a fork, see `tests/lab/nursery.py`; it ends with this one.
pub(crate) struct Nursery {
    socket: String,
    _process: Child,
    _stdin: ChildStdin,
}

impl Nursery {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = command.arg("each").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let place = said(process.stdout.take().unwrap());
        let socket = place["socket"].as_str().unwrap().to_owned();
        Self { socket, _stdin: process.stdin.take().unwrap(), _process: process }
    }

    pub(crate) fn serve(&self) -> Served {
        let life = UnixStream::connect(&self.socket).unwrap();
        let place = said(&life);
        Served { life, place }
    }
}

/// The line that says where a server is.
fn said(output: impl Read) -> Value {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("the lab said {line:?}: {error}"))
}
