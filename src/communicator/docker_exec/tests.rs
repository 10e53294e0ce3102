//! Against the engine that the environment names: what it does is what matters here, not what we think it does.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::client::docker::ContainerSpec;
use crate::run::RunInfo;
use crate::run::event::{EventKind, EventReceiver};
use crate::run::testing::context;

struct Lab {
    docker: Docker,
    container: String,
    cx: BuildContext,
    events: EventReceiver,
    folder: tempfile::TempDir,
}

impl Lab {
    async fn start(user: &str) -> Self {
        let image = std::env::var("FORGE_TEST_BUSYBOX").expect("FORGE_TEST_BUSYBOX is not set: run script/test");
        let folder = tempfile::tempdir().unwrap();
        let (mut cx, events) = context(folder.path());
        cx.run = Arc::new(RunInfo { id: uuid::Uuid::new_v4().to_string(), ..(*cx.run).clone() });
        let docker = Docker::connect().await.unwrap();
        let spec = ContainerSpec {
            image,
            user: user.to_owned(),
            entrypoint: Some(vec!["/bin/sh".to_owned()]),
            tty: true,
            open_stdin: true,
            ..ContainerSpec::default()
        };
        let container = docker.create_container(&docker.new_name(&cx.run.id), spec).await.unwrap();
        docker.start_container(&container).await.unwrap();
        Self { docker, container, cx, events, folder }
    }

    fn talk(&self, exec_user: &str, pty: bool) -> DockerExec {
        DockerExec::new(
            self.docker.clone(),
            DockerExecOptions {
                container: self.container.clone(),
                container_user: String::new(),
                exec_user: exec_user.to_owned(),
                pty,
                fix_owner: true,
            },
        )
    }

    /// Lines printed until now.
    fn printed(&mut self) -> Vec<(Stream, String)> {
        let mut lines = Vec::new();
        while let Some(Some(event)) = futures_util::FutureExt::now_or_never(self.events.next()) {
            if let EventKind::Output { stream, line } = event.kind {
                lines.push((stream, line));
            }
        }
        lines
    }

    async fn text_of(&mut self, command: &str) -> String {
        self.printed();
        let exit = self.talk("0", false).exec(command, &self.cx.clone()).await.unwrap();
        let lines = self.printed();
        assert_eq!(exit, Exit::Status(0), "{command}: {lines:?}");
        lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")
    }
}

/// Also after a failed test.
impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::process::Command::new("docker").args(["rm", "-fv", &self.container]).output();
    }
}

fn script<'a>(content: &str, path: &'a str, command: &'a str) -> Script<'a> {
    Script { content: Bytes::copy_from_slice(content.as_bytes()), path, command, keep: false }
}

#[tokio::test]
async fn commands_and_scripts() {
    let mut lab = Lab::start("").await;
    let cx = lab.cx.clone();
    let talk = lab.talk("", false);
    assert_eq!(talk.exec("echo out; echo err >&2; exit 3 # end", &cx).await.unwrap(), Exit::Status(3));
    let mut lines = lab.printed();
    lines.sort_by_key(|(_, line)| line.clone());
    assert_eq!(lines, [(Stream::Stderr, "err".to_owned()), (Stream::Stdout, "out".to_owned())]);

    // Status, environment by the command, empty stdin, gone afterwards.
    let text = "#!/bin/sh -e\necho $A; cat; echo done; exit 254\n";
    let exit = talk.run_script(&script(text, "/tmp/a b.sh", "A=1 '/tmp/a b.sh'"), &cx).await.unwrap();
    assert_eq!(exit, Exit::Status(254));
    assert_eq!(lab.printed().into_iter().map(|(_, line)| line).collect::<Vec<_>>(), ["1", "done"]);
    assert_eq!(talk.exec("test -e '/tmp/a b.sh'", &cx).await.unwrap(), Exit::Status(1));

    let missing = talk.run_script(&script(text, "/nope/a.sh", "/nope/a.sh"), &cx).await.unwrap_err().to_string();
    assert!(missing.contains("/nope/a.sh"), "{missing}");
    assert!(lab.printed()[0].1.contains("nonexistent"));

    let kept = Script { keep: true, ..script("#!/bin/sh\ntest -t 1 && id -u\n", "/tmp/kept", "/tmp/kept") };
    assert_eq!(lab.talk("1000:1000", true).run_script(&kept, &cx).await.unwrap(), Exit::Status(0));
    assert_eq!(lab.printed(), [(Stream::Stdout, "1000".to_owned())]);
    let long = format!("#!/bin/sh\n: {}\nid -u; wc -c </tmp/long\n", "x".repeat(3 << 20));
    let exit = lab.talk("1000:1000", false).run_script(&script(&long, "/tmp/long", "/tmp/long"), &cx).await.unwrap();
    assert_eq!(exit, Exit::Status(0));
    assert_eq!(lab.printed()[1].1, long.len().to_string());
}

#[tokio::test]
async fn a_stop_ends_the_command_and_a_dead_container_is_an_error() {
    let mut lab = Lab::start("").await;
    let talk = lab.talk("", false);
    let mut cx = lab.cx.clone();
    cx.cancel = cx.cancel.child();
    let stop = cx.cancel.stop.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        stop.cancel();
    });
    let before = Instant::now();
    let error = talk.run_script(&script("#!/bin/sh\nsleep 1234\n", "/tmp/s", "/tmp/s"), &cx).await.unwrap_err();
    assert!(matches!(error, CommunicatorError::Cancelled(_)) && before.elapsed() < Duration::from_secs(3));
    assert!(!lab.text_of("ps").await.contains("1234"));

    let (docker, container) = (lab.docker.clone(), lab.container.clone());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        docker.remove_container(&container).await.unwrap();
    });
    let error = talk.exec("sleep 60", &lab.cx).await.unwrap_err().to_string();
    assert!(error.contains("No such container") || error.contains("stopped"), "{error}");
    assert!(talk.exec("true", &lab.cx).await.is_err());
}

#[tokio::test]
async fn files_go_up_with_mode_and_owner() {
    let mut lab = Lab::start("").await;
    let cx = lab.cx.clone();
    let mut talk = lab.talk("", false);
    let file = lab.folder.path().join("f");
    std::fs::write(&file, "text").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::chown(&file, Some(1234), Some(1235)).unwrap();
    talk.upload_file(Content::File(&file), "/etc/f", &cx).await.unwrap();
    assert_eq!(lab.text_of("stat -c '%a %u %g %s' /etc/f").await, "640 0 0 4");
    talk.options.fix_owner = false;
    talk.upload_file(Content::File(&file), "/etc/f", &cx).await.unwrap();
    assert_eq!(lab.text_of("stat -c '%u %g' /etc/f").await, "1234 1235");
    talk = lab.talk("", false);
    lab.text_of("echo app:x:77:78::/:/bin/sh >>/etc/passwd").await;
    talk.options.container_user = "app".to_owned();
    let bytes = Content::Bytes { bytes: Bytes::from_static(b"x"), mode: 0o600 };
    talk.upload_file(bytes, "/tmp/with space", &cx).await.unwrap();
    assert_eq!(lab.text_of("stat -c '%a %u %g' '/tmp/with space'").await, "600 77 78");

    let error = talk.upload_file(Content::File(&file), "/etc", &cx).await.unwrap_err().to_string();
    assert!(error.contains("end it with a slash"), "{error}");
    let error = talk.upload_file(Content::File(&file), "/no/such/f", &cx).await.unwrap_err().to_string();
    assert!(error.contains("the folder /no/such does not exist"), "{error}");
    let error = talk.upload_file(Content::File(Path::new("/no/such")), "/etc/f", &cx).await.unwrap_err().to_string();
    assert!(error.starts_with("/no/such: "), "{error}");
}

#[tokio::test]
async fn folders_follow_the_slash_rules() {
    let mut lab = Lab::start("").await;
    let cx = lab.cx.clone();
    let talk = lab.talk("", false);
    let source = lab.folder.path().join("src");
    std::fs::create_dir_all(source.join("sub/empty")).unwrap();
    std::fs::write(source.join("sub/a"), "a").unwrap();
    std::os::unix::fs::symlink("sub/a", source.join("link")).unwrap();
    let long = "n".repeat(150);
    std::fs::write(source.join(&long), "long").unwrap();
    let (plain, slash) = (source.display().to_string(), format!("{}/", source.display()));
    lab.text_of("mkdir -p /d1 /d2; chown 5:5 /d2; chmod 0711 /d2; touch /file; ln -s /d2 /d2link").await;
    for (source, destination) in [(&plain, "/d1"), (&plain, "/new1/"), (&slash, "/d2link"), (&slash, "/new2")] {
        talk.upload_directory(source, destination, &cx).await.unwrap();
    }
    for folder in ["/d1/src", "/new1", "/d2", "/new2"] {
        let listed = lab.text_of(&format!("cd {folder} && cat sub/a link {long} && test -d sub/empty && echo .")).await;
        assert_eq!(listed, "aalong.", "{folder}");
    }
    assert_eq!(lab.text_of("stat -c '%a %u' /d2").await, "711 5");
    let error = talk.upload_directory(&plain, "/file", &cx).await.unwrap_err().to_string();
    assert!(error.contains("is a file"), "{error}");

    let back = lab.folder.path().join("back");
    talk.download_directory("/d2link/", &back, &cx).await.unwrap();
    let back = back.join("d2link");
    assert_eq!(std::fs::read_to_string(back.join("link")).unwrap(), "a");
    assert_eq!(std::fs::read_to_string(back.join(&long)).unwrap(), "long");
    assert!(back.join("sub/empty").is_dir());
    lab.text_of("ln -s /d2/sub/a /l1; ln -s l1 /l2").await;
    let file = lab.folder.path().join("file");
    talk.download_file("/l2", &file, &cx).await.unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
    for source in ["/nothing", "/d2"] {
        let error = talk.download_file(source, &file, &cx).await.unwrap_err().to_string();
        assert!(error.contains(source), "{error}");
    }
}

/// A container that wants to write beside the destination.
#[tokio::test]
async fn a_download_stays_where_it_belongs() {
    let mut lab = Lab::start("").await;
    let cx = lab.cx.clone();
    let outside = lab.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    lab.text_of(&format!("mkdir -p /evil && ln -s {} /evil/a", outside.display())).await;
    let back = lab.folder.path().join("back");
    std::fs::create_dir_all(back.join("evil")).unwrap();
    std::os::unix::fs::symlink(&outside, back.join("evil/sub")).unwrap();
    lab.text_of("mkdir /evil/sub && echo x >/evil/sub/f").await;
    let error = lab.talk("", false).download_directory("/evil", &back, &cx).await.unwrap_err().to_string();
    assert!(error.contains("out of the destination") || error.contains("exists"), "{error}");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn owners_by_number_need_no_look_up() {
    let lab = Lab::start("1000:1001").await;
    let mut talk = lab.talk("", false);
    for (user, owner) in [("1000:1001", (1000, 1001)), ("0", (0, 0)), ("1000", (1000, 0))] {
        talk.options.container_user = user.to_owned();
        assert_eq!(talk.look_up_owner().await.unwrap(), owner, "{user}");
    }
    talk.options.container_user = "nobody-knows".to_owned();
    assert!(talk.look_up_owner().await.is_err());
}
