//! Images in the registry and what a record tells of them, for tests of publishing.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Image, Workspace, docker, setting};

/// An image that was built and pushed.
pub(crate) struct Pushed {
    /// With the registry's address.
    pub repository: String,
    pub digest: String,
    _image: Image,
}

/// A name that no other test uses, below `host`.
pub(crate) fn repository(host: &str, name: &str) -> String {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("{host}/publish/{name}-{}-{number}", std::process::id())
}

impl Pushed {
    /// A layer of that many bytes that nothing can compress, and labels.
    pub(crate) fn new(repository: &str, bytes: usize, labels: &[(&str, &str)]) -> Self {
        let folder = Workspace::new("");
        let mut noise = vec![0; bytes];
        std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut noise).unwrap();
        folder.file("noise", noise);
        let labels: String = labels.iter().map(|(key, value)| format!("LABEL {key}=\"{value}\"\n")).collect();
        folder.file("Dockerfile", format!("FROM {}\nCOPY noise /noise\n{labels}", super::busybox()));
        let name = format!("{repository}:built");
        // A step out of the cache may be removed by a test that ends.
        docker(&["build", "-q", "--no-cache", "-t", &name, folder.path().to_str().unwrap()]);
        docker(&["push", "-q", &name]);
        let digest = digest(repository, "built").unwrap();
        Self { repository: repository.to_owned(), digest, _image: Image(name) }
    }

    /// As a record tells of it.
    pub(crate) fn build(&self, name: &str) -> Value {
        let pushed = format!("{}:built", self.repository);
        let (host, _) = self.repository.split_once('/').unwrap();
        json!({
            "name": name, "builder": "docker", "state": "succeeded",
            "images": [{ "build": name, "builder": "docker", "id": self.digest, "location": host, "tags": [pushed],
                "digest": self.digest, "digests": { pushed: self.digest } }],
        })
    }
}

/// A record of these builds.
pub(crate) fn record(builds: &[Value]) -> Value {
    json!({ "schema": 1, "forge": "0.1.0", "run": "01980000-0000-7000-8000-000000000000",
        "started": "2026-01-01T00:00:00.000Z", "seconds": 1.0, "builds": builds })
}

/// Status, head and body of a request to the registry, whichever way its name leads.
fn ask(method: &str, path: &str) -> (u16, String, String) {
    let address = setting("FORGE_TEST_REGISTRY");
    let accept = "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, \
                  application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {address}\r\nAccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
}

/// What a tag of a repository is.
pub(crate) fn digest(repository: &str, tag: &str) -> Option<String> {
    let (_, name) = repository.split_once('/').unwrap();
    let (status, head, _) = ask("HEAD", &format!("/v2/{name}/manifests/{tag}"));
    let line =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("docker-content-digest: ").map(str::to_owned));
    line.filter(|_| status == 200)
}

/// Names of a repository but that of its build, in order.
pub(crate) fn tags(repository: &str) -> Vec<String> {
    let (_, name) = repository.split_once('/').unwrap();
    let (status, _, body) = ask("GET", &format!("/v2/{name}/tags/list"));
    if status != 200 {
        return Vec::new();
    }
    let list: Value = serde_json::from_str(&body).unwrap();
    let mut tags: Vec<String> =
        list["tags"].as_array().into_iter().flatten().map(|tag| tag.as_str().unwrap().to_owned()).collect();
    tags.retain(|tag| tag != "built");
    tags.sort();
    tags
}

/// Takes an image away.
pub(crate) fn delete(repository: &str, digest: &str) {
    let (_, name) = repository.split_once('/').unwrap();
    assert_eq!(ask("DELETE", &format!("/v2/{name}/manifests/{digest}")).0, 202);
}
