//! Decoding without an engine; launch and capture with the one that the environment names.

use std::process::Command;

use super::*;
use crate::eval::testing::decode as decode_options;
use crate::run::RunInfo;
use crate::run::cleanup::Release;
use crate::run::event::EventReceiver;
use crate::run::testing::{context, texts};
use crate::value::Value;

fn parse(options: &[(&str, Value)]) -> Result<Config, Vec<String>> {
    decode_options(Path::new("/"), options, config::decode)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn defaults() {
    let config = parse(&[("image", text("debian:12")), ("commit", true.into())]).unwrap();
    assert!(config.pull && config.fix_upload_owner && config.connects && !config.pty);
    assert_eq!(config.container_dir, "/packer-files");
    assert_eq!(config.outcome, Outcome::Commit);
    let config = parse(&[
        ("image", text("debian")),
        ("pull", false.into()),
        ("export_path", text("a.tar")),
        ("cap_add", Value::strings(["NET_ADMIN"])),
        ("tmpfs", Value::strings(["/run"])),
        ("privileged", true.into()),
        ("platform", text("linux/amd64")),
        ("runtime", text("runc")),
        ("volumes", Value::map(crate::value::Type::String, [("/a".to_owned(), text("/b:ro"))].into())),
    ])
    .unwrap();
    assert!(!config.pull);
    let run = run_command::parse(&config.run_args("debian").unwrap()).unwrap();
    assert_eq!(
        (run.spec.binds.as_slice(), run.spec.cap_add.as_slice()),
        (&["/a:/b:ro".to_owned()][..], &["NET_ADMIN".to_owned()][..])
    );
    assert!(run.spec.privileged && run.spec.tty && run.spec.tmpfs.contains_key("/run"));
    assert_eq!((run.spec.platform.as_str(), run.spec.runtime.as_str()), ("linux/amd64", "runc"));
}

#[test]
fn mistakes_show_together() {
    let image = ("image", text("debian"));
    for (options, expected) in [
        (vec![], vec!["option \"image\" is missing", "none of \"commit\""]),
        (vec![image.clone(), ("commit", true.into()), ("discard", true.into())], vec!["more than one of"]),
        (vec![image.clone(), ("export_path", text("/tmp"))], vec!["\"export_path\" is a folder"]),
        (vec![("image", text("Not An Image")), ("discard", true.into())], vec!["\"image\" is not the name"]),
        (
            vec![image.clone(), ("commit", true.into()), ("changes", Value::strings(["RUN x", "ENV A=1"]))],
            vec!["a change cannot be made: \"RUN x\""],
        ),
        (
            vec![image.clone(), ("commit", true.into()), ("run_command", Value::strings(["--nmae=x", "img"]))],
            vec!["the container's options are wrong: unknown flag --nmae; did you mean --name?"],
        ),
        (
            vec![image.clone(), ("commit", true.into()), ("ecr_login", true.into()), ("comit", true.into())],
            vec!["\"login_server\" is missing", "unknown option \"comit\""],
        ),
        (
            vec![image.clone(), ("commit", true.into()), ("communicator", text("ssh"))],
            vec!["communicator \"ssh\" is not supported yet"],
        ),
        (vec![image, ("commit", true.into()), ("container_dir", text("x"))], vec!["\"container_dir\" must be"]),
    ] {
        let found = parse(&options).unwrap_err();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }
}

struct Lab {
    services: Arc<Services>,
    cx: BuildContext,
    events: EventReceiver,
    folder: tempfile::TempDir,
}

impl Lab {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut cx, events) = context(folder.path());
        cx.run = Arc::new(RunInfo { id: uuid::Uuid::new_v4().to_string(), ..(*cx.run).clone() });
        Self { services: Arc::default(), cx, events, folder }
    }

    async fn launch(&self, options: &[(&str, Value)]) -> Result<Box<dyn Machine>, BuilderError> {
        let services = Arc::clone(&self.services);
        let builder = decode_options(self.folder.path(), options, |fields| decode(fields, &services)).unwrap();
        builder.launch(&self.cx).await
    }

    /// As the engine does after a build; yields what was released.
    async fn release(&self) -> Vec<(Resource, Released)> {
        let mut done = Vec::new();
        while let Some((entry, resource)) = self.cx.cleanup.pop() {
            let released = self.services.release(&resource).await.unwrap();
            self.cx.cleanup.released(entry).unwrap();
            done.push((resource, released));
        }
        done
    }
}

use crate::run::cleanup::Released;

fn lab_image(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run script/test"))
}

fn docker(args: &[&str]) -> String {
    let output = Command::new("docker").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn a_committed_image_keeps_the_command_of_its_source() {
    let lab = Lab::new();
    let image = lab_image("FORGE_TEST_BUSYBOX");
    let options = [
        ("image", text(&image)),
        ("commit", true.into()),
        ("author", text("A. Thor")),
        ("message", text("why")),
        ("changes", Value::strings(["env PATH=$PATH:/opt", "LABEL a=b c=\"d e\"", "EXPOSE 80"])),
        ("container_dir", text("/shared dir")),
    ];
    let machine = lab.launch(&options).await.unwrap();
    let on = machine.connect(&lab.cx).await.unwrap();
    let command = "echo x >/made; echo y >'/shared dir/file'; mkdir '/shared dir/.d'";
    assert_eq!(on.exec(command, &lab.cx).await.unwrap(), crate::communicator::Exit::Status(0));
    let facts = machine.facts();
    assert!(facts["SourceImageDigest"].starts_with("127.0.0.1:5000/forge/busybox@sha256:"), "{facts:?}");
    assert!(facts["Host"].contains('.') && facts["ImageSha256"].starts_with("ERR_"));
    let artifact = machine.capture(&lab.cx).await.unwrap().unwrap();
    let released = lab.release().await;
    assert_eq!(released.len(), 2, "{released:?}");
    assert!(released.iter().all(|(_, released)| *released == Released::Removed));
    assert_eq!(artifact.builder_id, "packer.post-processor.docker-import");
    assert_eq!(artifact.description, format!("Imported Docker image: {}", artifact.id));
    assert_eq!(artifact.facts["ImageSha256"], artifact.id);

    let format = "{{json .Config.Cmd}} {{json .Config.Entrypoint}} {{json .Config.Env}} {{json .Config.Labels}} \
                  {{json .Config.ExposedPorts}} {{.Author}} {{.Comment}}";
    let shown = docker(&["image", "inspect", "--format", format, &artifact.id]);
    let expected = r#"["/bin/sh"] [""] ["PATH=/bin:/opt"] {"a":"b","c":"d e"} {"80/tcp":{}} A. Thor why"#;
    let removed = lab.services.release(&artifact.resources[0]).await.unwrap();
    assert_eq!((shown.as_str(), removed), (expected, Released::Removed));
    assert_eq!(lab.services.release(&artifact.resources[0]).await.unwrap(), Released::Absent);

    let said = texts(lab.cx, lab.events).await;
    for line in ["Starting docker container...", "Committing the container"] {
        assert!(said.iter().any(|text| text == line), "{line}: {said:?}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_an_error_and_its_owner_stays() {
    let lab = Lab::new();
    let image = lab_image("FORGE_TEST_BUSYBOX");
    let name = format!("lab-{}", uuid::Uuid::new_v4());
    let command = |name: &str| Value::strings(["-dit", "--name", name, "--entrypoint=/bin/sh", &image]);
    let options = |name: &str| {
        [("image", text(&image)), ("pull", false.into()), ("discard", true.into()), ("run_command", command(name))]
    };
    let machine = lab.launch(&options(&name)).await.unwrap();
    let other = Lab::new();
    let error = other.launch(&options(&name)).await.err().unwrap().to_string();
    assert!(error.contains("already in use"), "{error}");
    other.release().await;
    assert_eq!(docker(&["inspect", "--format", "{{.State.Running}}", &name]), "true");
    let artifact = machine.capture(&lab.cx).await.unwrap().unwrap();
    assert_eq!((artifact.builder_id.as_str(), artifact.id.as_str()), ("packer.docker", "Container"));
    lab.release().await;
    assert_eq!(docker(&["ps", "-aq", "--filter", &format!("name={name}")]), "");
}

#[tokio::test]
async fn an_export_appears_whole_or_not_at_all() {
    let lab = Lab::new();
    let image = lab_image("FORGE_TEST_BUSYBOX");
    let options = [("image", text(&image)), ("pull", false.into()), ("export_path", text("new/dir/a.tar"))];
    let machine = lab.launch(&options).await.unwrap();
    let artifact = machine.capture(&lab.cx).await.unwrap().unwrap();
    assert_eq!(artifact.description, "Exported Docker file: new/dir/a.tar");
    let path = lab.folder.path().join("new/dir/a.tar");
    let mut names = tar::Archive::new(std::fs::File::open(&path).unwrap());
    let found = names.entries().unwrap().any(|entry| entry.unwrap().path().unwrap().ends_with("bin/busybox"));
    assert!(found);
    std::fs::remove_file(&path).unwrap();

    lab.cx.cancel.stop.cancel();
    assert!(matches!(machine.capture(&lab.cx).await, Err(BuilderError::Cancelled(_))));
    assert_eq!(std::fs::read_dir(lab.folder.path().join("new/dir")).unwrap().count(), 0);
    lab.release().await;
}

#[tokio::test]
async fn what_cannot_be_launched_says_why() {
    let busybox = lab_image("FORGE_TEST_BUSYBOX");
    let registry = lab_image("FORGE_TEST_REGISTRY");
    let missing = format!("{registry}/forge/no-such-image:1");
    let run = |args: &[&str]| Value::strings(args.iter().copied());
    for (options, part) in [
        (vec![("image", text(&missing))], "does not exist"),
        (vec![("image", text(&missing)), ("pull", false.into())], "does not exist"),
        (vec![("image", text("127.0.0.1:9/x/y"))], "could not pull 127.0.0.1:9/x/y"),
        (vec![("image", text(&busybox)), ("run_command", run(&["--entrypoint=/nope", &busybox]))], "/nope"),
        (vec![("image", text(&busybox)), ("login", true.into())], "login_username"),
    ] {
        let lab = Lab::new();
        let mut options = options;
        options.push(("discard", true.into()));
        let error = lab.launch(&options).await.err().expect(part).to_string();
        assert!(error.contains(part), "{error}");
        lab.release().await;
    }
}

#[tokio::test]
async fn a_container_that_ends_at_once_says_so_at_the_first_command() {
    let lab = Lab::new();
    let busybox = lab_image("FORGE_TEST_BUSYBOX");
    let command = Value::strings(["-d", "--entrypoint=/bin/false", &busybox]);
    let machine =
        lab.launch(&[("image", text(&busybox)), ("run_command", command), ("discard", true.into())]).await.unwrap();
    let communicator = machine.connect(&lab.cx).await.unwrap();
    let error = communicator.exec("sleep 9", &lab.cx).await.err().unwrap();
    assert!(error.to_string().contains("(exit code 1)"), "{error}");
    assert!(!error.may_pass());
    lab.release().await;
}

#[tokio::test]
async fn an_image_is_built_first() {
    let lab = Lab::new();
    let busybox = lab_image("FORGE_TEST_BUSYBOX");
    let folder = lab.folder.path();
    std::fs::write(
        folder.join("Dockerfile"),
        format!("FROM {busybox}\nARG WHO\nCOPY f /f\nENV WHO=$WHO\nCMD [\"x\"]\n"),
    )
    .unwrap();
    std::fs::write(folder.join(".dockerignore"), "*.log\n").unwrap();
    std::fs::write(folder.join("f"), "f").unwrap();
    let docker = lab.services.docker().await.unwrap();
    let arguments = [("WHO".to_owned(), uuid::Uuid::new_v4().to_string())].into();
    let build = crate::client::docker::ImageBuild {
        dockerfile: &folder.join("Dockerfile"),
        dir: folder,
        arguments: &arguments,
        platform: "",
        pull: true,
        compress: false,
        login: None,
    };
    let by_program = docker.build(&build, &lab.cx).await.unwrap();
    let by_engine = docker.build_by_engine(&build, &lab.cx).await.unwrap();
    for id in [&by_program, &by_engine] {
        let image = docker.inspect_image(id).await.unwrap();
        assert_eq!((image.id.as_str(), image.cmd.as_slice()), (id.as_str(), &["x".to_owned()][..]));
    }
    let _ = docker.remove_image(&by_program).await;
    let _ = docker.remove_image(&by_engine).await;
    std::fs::write(folder.join("Dockerfile"), format!("FROM {busybox}\nRUN exit 7\n")).unwrap();
    for error in [docker.build(&build, &lab.cx).await, docker.build_by_engine(&build, &lab.cx).await] {
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("could not build an image of"), "{error}");
    }
}
