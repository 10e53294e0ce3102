//! Images between the engine, registries and files, with the engine that the environment names.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::*;
use crate::run::testing::{context, texts};

fn lab(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run script/test"))
}

/// A registry that asks for a password, ended when dropped.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    async fn start(folder: &Path, user: &str, password: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let passwords = Command::new("htpasswd").args(["-Bbn", user, password]).output().unwrap();
        std::fs::write(folder.join("passwords"), passwords.stdout).unwrap();
        let config = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {0}/data}}}}\nhttp: {{addr: {address}}}\n\
             auth: {{htpasswd: {{realm: lab, path: {0}/passwords}}}}\n",
            folder.display()
        );
        std::fs::write(folder.join("registry.yml"), config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(folder.join("registry.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..100 {
            if tokio::net::TcpStream::connect(&address).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self { child, address }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn an_image_goes_round() {
    let folder = tempfile::tempdir().unwrap();
    let (cx, events) = context(folder.path());
    let docker = Docker::connect().await.unwrap();
    let busybox = lab("FORGE_TEST_BUSYBOX");
    let name = format!("{}/lab/{}:v1", lab("FORGE_TEST_REGISTRY"), uuid::Uuid::new_v4());
    docker.tag(&busybox, &name).await.unwrap();
    let digest = docker.push(&name, "", None, &cx).await.unwrap().unwrap();
    assert!(digest.starts_with("sha256:") && digest.len() == 71, "{digest}");
    assert_eq!(docker.repository_digest(&name).await.unwrap(), Some(digest.clone()));
    let saved = folder.path().join("new/saved.tar");
    docker.save(&name, &saved, &cx).await.unwrap();
    let manifest = tar::Archive::new(std::fs::File::open(&saved).unwrap())
        .entries()
        .unwrap()
        .filter_map(Result::ok)
        .find(|entry| entry.path().unwrap().ends_with("manifest.json"))
        .map(|mut entry| std::io::read_to_string(&mut entry).unwrap());
    assert!(manifest.unwrap().contains(&name));
    docker.remove_image(&name).await.unwrap();
    assert!(docker.inspect_image(&name).await.unwrap_err().is_not_found());
    let by_digest = format!("{}@{digest}", name.trim_end_matches(":v1"));
    docker.pull(&by_digest, "", None, &cx).await.unwrap();
    assert_eq!(docker.inspect_image(&by_digest).await.unwrap().id, docker.inspect_image(&busybox).await.unwrap().id);
    docker.remove_image(&by_digest).await.unwrap();
    assert!(matches!(docker.push(&name, "", None, &cx).await, Err(DockerError::ImageMissing { .. })));
    let said = texts(cx, events).await;
    assert!(said.contains(&format!("Digest: {digest}")), "{said:?}");
}

#[tokio::test]
async fn a_root_file_system_becomes_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let (cx, _events) = context(folder.path());
    let docker = Docker::connect().await.unwrap();
    let path = folder.path().join("root.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    let unique = uuid::Uuid::new_v4().to_string();
    tar.append_data(&mut header, &unique, &b"x"[..]).unwrap();
    tar.into_inner().unwrap();
    let changes = ["CMD [\"a\", \"b\"]".to_owned(), "ENV A=1".to_owned()];
    let name = format!("forge-lab/{unique}:7");
    let options = ImportOptions { name: &name, changes: &changes, platform: "" };
    let id = docker.import(&path, &options, &cx).await.unwrap();
    let image = docker.inspect_image(&name).await.unwrap();
    assert_eq!((image.id.as_str(), image.cmd.as_slice()), (id.as_str(), &["a".to_owned(), "b".to_owned()][..]));
    docker.remove_image(&id).await.unwrap();

    std::fs::write(&path, "no archive").unwrap();
    let options = ImportOptions { name: "", changes: &[], platform: "" };
    let error = docker.import(&path, &options, &cx).await.unwrap_err().to_string();
    assert!(error.contains("could not import"), "{error}");
    let missing = docker.import(Path::new("/no/such.tar"), &options, &cx).await.unwrap_err().to_string();
    assert!(missing.contains("could not read /no/such.tar"), "{missing}");
}

/// The password has characters that the two alphabets of base64 write differently.
#[tokio::test]
async fn a_registry_with_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let (cx, events) = context(folder.path());
    let docker = Docker::connect().await.unwrap();
    let password = "a??>>~~ooo???";
    let registry = Registry::start(folder.path(), "me", password).await;
    let name = format!("{}/lab/private:1", registry.address);
    docker.tag(&lab("FORGE_TEST_BUSYBOX"), &name).await.unwrap();
    let login = |password: &str| Login {
        server: format!("http://{}", registry.address),
        username: "me".to_owned(),
        password: password.to_owned(),
    };
    let refused = docker.push(&name, "", None, &cx).await;
    assert!(matches!(&refused, Err(DockerError::PushRefused { .. })), "{refused:?}");
    let refused = docker.push(&name, "", Some(&login("wrong")), &cx).await;
    assert!(matches!(&refused, Err(DockerError::PushRefused { .. })), "{refused:?}");
    docker.push(&name, "", Some(&login(password)), &cx).await.unwrap();
    docker.remove_image(&name).await.unwrap();
    let denied = docker.pull(&name, "", None, &cx).await;
    assert!(matches!(&denied, Err(DockerError::PullDenied { .. })), "{denied:?}");
    docker.pull(&name, "", Some(&login(password)), &cx).await.unwrap();
    docker.remove_image(&name).await.unwrap();
    cx.say(format!("the password is {password}"));
    let said = texts(cx, events).await;
    assert!(said.iter().all(|text| !text.contains(password)), "{said:?}");
}

#[tokio::test]
async fn an_engine_that_is_not_there() {
    for host in ["unix:///no/such.sock", "tcp://127.0.0.1:9"] {
        let error = Docker::connect_to(host).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("cannot reach the Docker Engine at {host}: ")), "{error}");
    }
    let error = Docker::connect_to("ssh://host").await.unwrap_err().to_string();
    assert!(error.contains("SSH"), "{error}");
}
