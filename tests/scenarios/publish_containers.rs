//! Container images get the names of a version: which names move, what goes over the wire, and what can be wrong.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::support::gate::{Gate, TOKEN};
use crate::support::pushed::{Pushed, delete, digest, record, repository, tags};
use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::{Ran, Workspace, setting};

fn host() -> String {
    setting("FORGE_TEST_REGISTRY")
}

/// A folder with a record of these builds.
fn folder(builds: &[Value]) -> Workspace {
    let workspace = Workspace::new("");
    workspace.file("forge-record.json", record(builds).to_string());
    workspace
}

fn publish(workspace: &Workspace, version: &str, more: &[&str]) -> Ran {
    workspace.run(&[&["publish", "--record", "forge-record.json", "--version", version], more].concat())
}

#[test]
fn names_move_by_the_highest_version_and_no_layer_does() {
    let gate = Gate::new();
    let web = repository(&gate.address, "web");
    let first = Pushed::new(&web, 3 << 20, &[]);
    gate.forget();
    let workspace = folder(&[first.build("docker.web")]);
    publish(&workspace, "v1.2.3", &["--dry-run"]).succeeded().says("what would be done").says(&format!("{web}:latest"));
    assert!(tags(&web).is_empty());
    publish(&workspace, "v1.2.3", &[]).succeeded().says(&format!("published {web}:1.2.3"));
    assert_eq!(tags(&web), ["1", "1.2", "1.2.3", "latest"]);
    for tag in ["1", "1.2", "1.2.3", "latest"] {
        assert_eq!(digest(&web, tag).as_ref(), Some(&first.digest), "{tag}");
    }
    // The layer has 3 MB; manifests and lists of tags have a few thousand bytes.
    assert!(gate.bytes() < 100_000, "{} bytes for {:#?}", gate.bytes(), gate.requests());

    // Again: nothing to do.
    gate.forget();
    let again = publish(&workspace, "v1.2.3", &[]);
    again.succeeded().says(&format!("already   {web}:latest")).says_not("published");
    assert!(gate.requests().iter().all(|line| !line.starts_with("PUT ")), "{:#?}", gate.requests());

    // A backport leaves what belongs to higher versions.
    let backport = Pushed::new(&web, 1000, &[]);
    let ran = publish(&folder(&[backport.build("docker.web")]), "v1.1.9", &[]);
    ran.succeeded().says(&format!("left      {web}:latest: 1.2.3 is higher than 1.1.9"));
    assert_eq!(tags(&web), ["1", "1.1", "1.1.9", "1.2", "1.2.3", "latest"]);
    assert_eq!(digest(&web, "1.1").as_ref(), Some(&backport.digest));
    assert_eq!(
        (digest(&web, "1").as_ref(), digest(&web, "latest").as_ref()),
        (Some(&first.digest), Some(&first.digest))
    );

    // A pre-release is itself alone.
    let next = Pushed::new(&web, 1000, &[]);
    publish(&folder(&[next.build("docker.web")]), "v2.0.0-rc.1", &[]).succeeded();
    assert_eq!(tags(&web).len(), 7);
    assert_eq!(digest(&web, "2.0.0-rc.1").as_ref(), Some(&next.digest));

    // A version is one image.
    let other = folder(&[next.build("docker.web")]);
    publish(&other, "v1.2.3", &[]).failed().says("1.2.3 is another image").says("--force");
    assert_eq!(digest(&web, "latest").as_ref(), Some(&first.digest));
    publish(&other, "v1.2.3", &["--force"]).succeeded();
    assert_eq!(digest(&web, "latest").as_ref(), Some(&next.digest));
}

#[test]
fn another_repository_of_the_registry_takes_layers_over_and_another_registry_is_sent_them() {
    let gate = Gate::new();
    let (web, release) = (repository(&gate.address, "inner"), repository(&gate.address, "release"));
    let image = Pushed::new(&web, 2 << 20, &[]);
    gate.forget();
    let workspace = folder(&[image.build("docker.web")]);
    let ran = publish(&workspace, "1.0.0", &["--repository", &release]);
    ran.succeeded().says(&format!("{release}@{}", image.digest)).says("without moving a layer");
    assert_eq!((tags(&web).len(), digest(&release, "latest").as_ref()), (0, Some(&image.digest)));
    assert!(gate.bytes() < 100_000, "{} bytes for {:#?}", gate.bytes(), gate.requests());
    publish(&workspace, "1.0.0", &["--repository", &release]).succeeded().says("already").says_not("published");

    // One with a password, whose login is stored as docker login does it.
    let private = Registry::with_password();
    let target = repository(&private.address, "out");
    let refused = publish(&workspace, "1.0.0", &["--repository", &target]);
    refused.failed().says("none is stored for it").says_not(PASSWORD);
    let login = base64(&format!("{USER}:{PASSWORD}"));
    workspace.file("docker/config.json", json!({ "auths": { &private.address: { "auth": login } } }).to_string());
    let workspace = workspace.env("DOCKER_CONFIG", "docker");
    let ran = publish(&workspace, "1.0.0", &["--repository", &target, "--repository", &release]);
    ran.succeeded().says(&format!("{target}@{}", image.digest)).says(" MB").says(&format!("already   {release}:1.0.0"));
    publish(&workspace, "1.0.0", &["--repository", &target]).succeeded().says_not("published").says_not(PASSWORD);
}

fn base64(text: &str) -> String {
    let mut child = std::process::Command::new("base64");
    let mut child =
        child.arg("-w0").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn a_registry_that_wants_a_token_gets_one_for_what_is_done_and_nobody_sees_it() {
    let gate = Gate::new();
    let web = repository(&gate.address, "token");
    let image = Pushed::new(&web, 1000, &[]);
    let login = base64(&format!("{USER}:{PASSWORD}"));
    gate.guard(&login);
    let workspace = folder(&[image.build("docker.web")]).env("RUST_LOG", "debug").env("FORGE_LOG", "debug");
    let refused = publish(&workspace, "1.0.0", &[]);
    refused.failed().says("401 UNAUTHORIZED: who are you? (its server of tokens, for reading without a login)");
    workspace.file("docker/config.json", json!({ "auths": { &gate.address: { "auth": login } } }).to_string());
    let workspace = workspace.env("DOCKER_CONFIG", "docker");
    gate.forget();
    let ran = publish(&workspace, "1.0.0", &[]);
    ran.succeeded().says_not(TOKEN).says_not(PASSWORD).says_not(&login);
    assert_eq!(digest(&web, "latest").as_ref(), Some(&image.digest));
    let name = web.split_once('/').unwrap().1.replace('/', "%2F");
    let asked: Vec<String> = gate.requests().into_iter().filter(|line| line.starts_with("GET /token?")).collect();
    // One to read, one to write, whatever the number of requests.
    let scope = |actions: &str| format!("GET /token?service=the+lab&scope=repository%3A{name}%3A{actions} HTTP/1.1");
    assert_eq!(asked, [scope("pull"), scope("pull%2Cpush")]);
}

#[test]
fn what_is_wrong_is_told_and_nothing_is_published() {
    let app = repository(&host(), "app");
    let image = Pushed::new(&app, 1000, &[("forge.inputs", "sha256:aaaa")]);
    let good = image.build("docker.app");
    for version in ["nightly", "v1.2", "1.2.3.4", ""] {
        publish(&folder(std::slice::from_ref(&good)), version, &[]).failed().says("is no version");
    }
    let workspace = folder(&[]);
    publish(&workspace, "1.0.0", &[]).failed().says("no build in what was named has an image");
    workspace.run(&["publish", "--version", "1.0.0"]).failed();
    workspace.run(&["publish", "--version", "1.0.0", "--record", "nowhere.json"]).failed().says("nowhere.json");
    workspace.file("forge-record.json", "{}");
    publish(&workspace, "1.0.0", &[]).failed().says("it is no record of forge");
    let mut newer = record(std::slice::from_ref(&good));
    newer["schema"] = json!(99);
    workspace.file("forge-record.json", newer.to_string());
    publish(&workspace, "1.0.0", &[]).failed().says("its form 99 is newer");

    let mut unpushed = good.clone();
    unpushed["images"][0]["digests"] = json!({});
    publish(&folder(&[unpushed]), "1.0.0", &[]).failed().says("it was not pushed to a registry");
    // Two builds of one name.
    let mut second = good.clone();
    second["name"] = json!("docker.second");
    let ran = publish(&folder(&[good.clone(), second.clone()]), "1.0.0", &[]);
    ran.failed().says("docker.app and docker.second would both be published as");

    // The image says that it was made of something else than the record does.
    let mut changed = good.clone();
    changed["digest"] = json!("sha256:bbbb");
    let ran = publish(&folder(&[changed.clone()]), "1.0.0", &[]);
    ran.failed().says("is not the image of the record").says("sha256:aaaa").says("sha256:bbbb");
    assert!(tags(&app).is_empty(), "{:?}", tags(&app));
    changed["digest"] = json!("sha256:aaaa");
    publish(&folder(&[changed]), "1.0.0", &[]).succeeded();
    // A record of an older forge does not say.
    publish(&folder(std::slice::from_ref(&good)), "1.0.1", &[]).succeeded();

    let gone = Pushed::new(&repository(&host(), "gone"), 1000, &[]);
    delete(&gone.repository, &gone.digest);
    publish(&folder(&[gone.build("docker.gone")]), "1.0.0", &[]).failed().says("the recorded image is gone");
    let silent = format!("127.0.0.1:1/{}", app.split_once('/').unwrap().1);
    publish(&folder(&[good]), "1.0.2", &["--repository", &silent]).failed().says("127.0.0.1:1 cannot be reached");
}

#[test]
fn one_refused_name_does_not_hold_up_the_others_and_a_second_run_completes() {
    let gate = Gate::new();
    let app = repository(&gate.address, "refused");
    let image = Pushed::new(&app, 1000, &[]);
    gate.look(|line| (line.starts_with("PUT ") && line.contains("/manifests/1.2 ")).then_some((403, "DENIED")));
    let workspace = folder(&[image.build("docker.app")]);
    let ran = publish(&workspace, "v1.2.3", &[]);
    ran.failed()
        .says(&format!("FAILED    {app}:1.2: registry {} refused {app}:1.2: 403 DENIED: by the test", gate.address));
    assert_eq!(tags(&app), ["1", "1.2.3", "latest"]);
    gate.look(|_| None);
    publish(&workspace, "v1.2.3", &[])
        .succeeded()
        .says(&format!("published {app}:1.2 "))
        .says(&format!("already   {app}:latest"));
    assert_eq!(tags(&app), ["1", "1.2", "1.2.3", "latest"]);
    // What passes is asked again.
    let mut times = 0;
    gate.look(move |line| {
        times += i32::from(line.starts_with("GET ") && line.contains("/tags/list"));
        (times == 1 && line.contains("/tags/list")).then_some((503, "UNAVAILABLE"))
    });
    publish(&workspace, "v1.2.3", &[]).succeeded();
}

#[test]
fn of_two_releases_at_once_the_higher_one_is_latest() {
    let gate = Gate::new();
    let slow = repository(&gate.address, "race");
    let name = slow.split_once('/').unwrap().1.to_owned();
    let fast = format!("{}/{name}", host());
    let (low, high) = (Pushed::new(&slow, 1000, &[]), Pushed::new(&fast, 1000, &[]));
    let other = folder(&[high.build("docker.app")]);
    // While the first is about to write `latest`, the second does all of its work.
    let raced: Arc<Mutex<Option<Ran>>> = Arc::default();
    let kept = Arc::clone(&raced);
    gate.look(move |line| {
        if line.starts_with("PUT ") && line.contains("/manifests/latest ") && kept.lock().unwrap().is_none() {
            *kept.lock().unwrap() = Some(publish(&other, "v2.0.0", &[]));
        }
        None
    });
    let ran = publish(&folder(&[low.build("docker.app")]), "v1.9.0", &[]);
    raced.lock().unwrap().as_ref().unwrap().succeeded();
    ran.succeeded().says(&format!("left      {slow}:latest: it is of 2.0.0, published meanwhile"));
    assert_eq!(digest(&slow, "latest").as_ref(), Some(&high.digest));
    assert_eq!((digest(&slow, "1").as_ref(), digest(&slow, "2").as_ref()), (Some(&low.digest), Some(&high.digest)));
}

#[test]
fn a_name_that_a_run_left_to_the_lower_version_is_given_back_by_its_next_run() {
    let gate = Gate::new();
    let slow = repository(&gate.address, "left");
    let name = slow.split_once('/').unwrap().1.to_owned();
    let fast = format!("{}/{name}", host());
    let (low, high) = (Pushed::new(&slow, 1000, &[]), Pushed::new(&fast, 1000, &[]));
    let (lower, higher) = (folder(&[low.build("docker.app")]), folder(&[high.build("docker.app")]));
    // The second does all of its work while the first is about to write `latest`; then the registry is lost to the first.
    let mut raced = false;
    gate.look(move |line| {
        if line.starts_with("PUT ") && line.contains("/manifests/latest ") {
            publish(&higher, "v2.0.0", &[]).succeeded();
            raced = true;
            return None;
        }
        raced.then_some((403, "DENIED"))
    });
    publish(&lower, "v1.9.0", &[]).failed();
    gate.look(|_| None);
    assert_eq!(digest(&slow, "latest").as_ref(), Some(&low.digest));
    let ran = publish(&lower, "v1.9.0", &[]);
    ran.succeeded().says(&format!("published {slow}:latest ({}), given back to 2.0.0", high.digest));
    assert_eq!(digest(&slow, "latest").as_ref(), Some(&high.digest));
    assert_eq!((digest(&slow, "1").as_ref(), digest(&slow, "2").as_ref()), (Some(&low.digest), Some(&high.digest)));
    publish(&lower, "v1.9.0", &[]).succeeded().says_not("published");

    // One image may be two versions: it keeps the names of both.
    publish(&lower, "v2.1.0", &[]).succeeded();
    publish(&lower, "v1.9.0", &[]).succeeded().says_not("given back");
    assert_eq!(digest(&slow, "latest").as_ref(), Some(&low.digest));
}
