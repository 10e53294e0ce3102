//! A server of `tests/lab` for one test: tells where it is in a line of JSON, has doors of its own below `/_lab`, and ends
//! when it is dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, ChildStdin, Command, Stdio};

use serde_json::Value;

pub(crate) struct Served {
    life: Life,
    place: Value,
}

/// A server ends when its standard input does; a test that ends early leaves none behind either.
enum Life {
    Process {
        process: Child,
        _stdin: ChildStdin,
    },
    /// What another process serves by, see [`Nursery`].
    Connection(UnixStream),
}

impl Drop for Served {
    fn drop(&mut self) {
        match &mut self.life {
            Life::Process { process, .. } => {
                let _ = Command::new("kill").arg(process.id().to_string()).status();
                let _ = process.wait();
            }
            Life::Connection(connection) => {
                let _ = connection.shutdown(Shutdown::Write);
                let _ = connection.read_to_end(&mut Vec::new());
            }
        }
    }
}

impl Served {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (process, stdin, place) = started(command);
        Self { life: Life::Process { process, _stdin: stdin }, place }
    }

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

/// A process that gives each connection to its socket a server of its own, and ends with this one.
pub(crate) struct Nursery {
    place: Value,
    _process: Child,
    _stdin: ChildStdin,
}

impl Nursery {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (process, stdin, place) = started(command);
        Self { place, _process: process, _stdin: stdin }
    }

    pub(crate) fn serve(&self) -> Served {
        let connection = UnixStream::connect(self.place["socket"].as_str().unwrap()).unwrap();
        let place = said(&connection);
        Served { life: Life::Connection(connection), place }
    }
}

fn started(command: &mut Command) -> (Child, ChildStdin, Value) {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let place = said(process.stdout.take().unwrap());
    let stdin = process.stdin.take().unwrap();
    (process, stdin, place)
}

/// The line that says where a server is.
fn said(output: impl std::io::Read) -> Value {
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("the lab said {line:?}: {error}"))
}
