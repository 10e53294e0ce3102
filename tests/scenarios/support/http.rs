//! A small web server of a test's own on loopback or at a socket: answers by a function and keeps what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// What the program under test has sent; names of headers are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Path and query.
    pub target: String,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Status, body and, for a redirect, where to.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: u16,
    pub body: String,
    pub location: Option<String>,
}

pub(crate) fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply { status, body: body.into(), location: None }
}

/// What is done with a request; nothing means that it waits in vain.
type Answer = dyn Fn(&Request) -> Option<Reply> + Send + Sync;

/// Runs until it is dropped.
pub(crate) struct Server {
    /// `127.0.0.1:port`, or the socket's path.
    pub address: String,
    asked: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let to = address.clone();
        let wake = move || drop(TcpStream::connect(&to));
        Self::start(address, answer, wake, move || listener.accept().unwrap().0)
    }

    pub(crate) fn at_socket(path: &Path, answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let to = path.to_owned();
        let wake = move || drop(UnixStream::connect(&to));
        Self::start(path.to_str().unwrap().to_owned(), answer, wake, move || listener.accept().unwrap().0)
    }

    fn start<S: Read + Write + Send + 'static>(
        address: String,
        answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
        wake: impl Fn() + Send + 'static,
        accept: impl Fn() -> S + Send + 'static,
    ) -> Self {
        let (asked, over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let answer: Arc<Answer> = Arc::new(answer);
        let (kept, ended) = (Arc::clone(&asked), Arc::clone(&over));
        let thread = std::thread::spawn(move || {
            loop {
                let stream = accept();
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (answer, kept, ended) = (Arc::clone(&answer), Arc::clone(&kept), Arc::clone(&ended));
                std::thread::spawn(move || serve(stream, answer.as_ref(), &kept, &ended));
            }
        });
        Self { address, asked, over, wake: Box::new(wake), thread: Some(thread) }
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        (self.wake)();
        let _ = self.thread.take().unwrap().join();
    }
}

/// Reads one request and answers it.
fn serve(mut stream: impl Read + Write, answer: &Answer, kept: &Mutex<Vec<Request>>, over: &AtomicBool) {
    let mut lines = BufReader::new(&mut stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    // A connection may be opened and closed without a request.
    let Some(first) = lines.next() else { return };
    let target = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    let request = Request { target, headers: headers.collect() };
    kept.lock().unwrap().push(request.clone());
    let Some(Reply { status, body, location }) = answer(&request) else {
        while !over.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(20));
        }
        return;
    };
    let location = location.map(|to| format!("Location: {to}\r\n")).unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n{location}\r\n",
        body.len()
    );
    let _ = stream.write_all((head + &body).as_bytes());
}
