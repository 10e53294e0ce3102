//! A door in front of the registry: counts what goes through it, refuses requests, or has something happen before one.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::setting;

/// What becomes of a request, by its first line.
type Look = dyn FnMut(&str) -> Option<(u16, &'static str)> + Send;

/// Runs until it is dropped.
pub(crate) struct Gate {
    pub address: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    bytes: AtomicU64,
    over: AtomicBool,
    requests: Mutex<Vec<String>>,
    look: Mutex<Option<Box<Look>>>,
    guard: Mutex<Option<String>>,
}

/// What the gate's own server of tokens gives.
pub(crate) const TOKEN: &str = "a-token-of-the-gate";

impl Gate {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let inner: Arc<Inner> = Arc::default();
        let shared = Arc::clone(&inner);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.over.load(Ordering::SeqCst) {
                    break;
                }
                let inner = Arc::clone(&shared);
                std::thread::spawn(move || pass(stream, &inner));
            }
        });
        Self { address, inner }
    }

    /// Answers in the registry's place where the function says so: a status and an error's code.
    pub(crate) fn look(&self, look: impl FnMut(&str) -> Option<(u16, &'static str)> + Send + 'static) {
        *self.inner.look.lock().unwrap() = Some(Box::new(look));
    }

    /// Lets through only who has a token, which is given for this login (user and password, encoded as for HTTP).
    pub(crate) fn guard(&self, login: &str) {
        *self.inner.guard.lock().unwrap() = Some(login.to_lowercase());
    }

    /// Counts from zero.
    pub(crate) fn forget(&self) {
        self.inner.bytes.store(0, Ordering::SeqCst);
        self.inner.requests.lock().unwrap().clear();
    }

    /// Bytes in both directions.
    pub(crate) fn bytes(&self) -> u64 {
        self.inner.bytes.load(Ordering::SeqCst)
    }

    /// First lines of the requests.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.inner.requests.lock().unwrap().clone()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.inner.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
    }
}

/// The answer to who has no token yet, as registries ask for one.
fn guarded(line: &str, head: &str, login: &str, client: &TcpStream) -> Option<String> {
    let answer = |status: u16, header: &str, body: &str| {
        Some(format!(
            "HTTP/1.1 {status} -\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    };
    if line.starts_with("GET /token?") {
        return match head.contains(&format!("authorization: basic {login}")) {
            true => answer(200, "", &format!("{{\"token\":\"{TOKEN}\"}}")),
            false => answer(401, "", r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}"#),
        };
    }
    if head.contains(&format!("authorization: bearer {TOKEN}")) {
        return None;
    }
    let address = client.local_addr().ok()?;
    answer(401, &format!("WWW-Authenticate: Bearer realm=\"http://{address}/token\",service=\"the lab\"\r\n"), "")
}

fn pass(mut client: TcpStream, inner: &Arc<Inner>) {
    let Ok(mut server) = TcpStream::connect(setting("FORGE_TEST_REGISTRY")) else { return };
    let (Ok(mut back), Ok(mut answers)) = (client.try_clone(), server.try_clone()) else { return };
    let counted = Arc::clone(inner);
    let answering = std::thread::spawn(move || {
        let mut part = vec![0; 64 << 10];
        while let Ok(length @ 1..) = answers.read(&mut part) {
            counted.bytes.fetch_add(length as u64, Ordering::SeqCst);
            if back.write_all(&part[..length]).is_err() {
                break;
            }
        }
        let _ = back.shutdown(std::net::Shutdown::Both);
    });
    let mut part = vec![0; 64 << 10];
    while let Ok(length @ 1..) = client.read(&mut part) {
        inner.bytes.fetch_add(length as u64, Ordering::SeqCst);
        // A client waits for the answer before its next request, whose head comes in one piece.
        let line = part[..length].split(|byte| *byte == b'\r').next().unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(400)]).into_owned();
        if line.ends_with(" HTTP/1.1") {
            inner.requests.lock().unwrap().push(line.clone());
            let guard = inner.guard.lock().unwrap().clone();
            let head = String::from_utf8_lossy(&part[..length]).to_lowercase();
            if let Some(answer) = guard.and_then(|login| guarded(&line, &head, &login, &client)) {
                let _ = client.write_all(answer.as_bytes());
                break;
            }
            // Not held while it looks: what happens then may come through here.
            let looking = inner.look.lock().unwrap().take();
            if let Some(mut look) = looking {
                let refused = look(&line);
                inner.look.lock().unwrap().get_or_insert(look);
                if let Some((status, code)) = refused {
                    let body = format!(r#"{{"errors":[{{"code":"{code}","message":"by the test"}}]}}"#);
                    let length = body.len();
                    let head = format!("HTTP/1.1 {status} -\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
                    let _ = client.write_all((head + &body).as_bytes());
                    break;
                }
            }
        }
        if server.write_all(&part[..length]).is_err() {
            break;
        }
    }
    let _ = (server.shutdown(std::net::Shutdown::Both), client.shutdown(std::net::Shutdown::Both));
    let _ = answering.join();
}
