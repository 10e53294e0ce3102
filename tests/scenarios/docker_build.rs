//! The docker builder: commit, export, discard, options of the container, pulls with and without a password.

use std::fs;
use std::process::Command;

use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::{Workspace, busybox, docker};

fn source(options: &str, build: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"docker\" \"d\" {{\n  image = \"BUSYBOX\"\n  pull = false\n{options}\n}}\nbuild {{\n  sources = [\"docker.d\"]\n{build}\n}}\n"
    ))
}

#[test]
fn commit_makes_an_image_with_the_changes() {
    let workspace = source(
        r#"
  commit  = true
  author  = "Ann <ann@example.org>"
  message = "made by a test"
  changes = ["ENV COLOUR=blue", "EXPOSE 80", "LABEL team=web", "WORKDIR /srv", "USER 1000"]
"#,
        "provisioner \"shell\" { inline = [\"echo content > /made\", \"echo from-the-guest\"] }",
    );
    let ran = workspace.build(&[]);
    ran.says("==> docker.d: from-the-guest");
    ran.says("--> docker.d: Imported Docker image: sha256:");
    let image = ran.image();
    assert_eq!(image.sh("cat /made"), "content");
    assert!(image.inspect("{{json .Config.Env}}").contains("COLOUR=blue"));
    assert_eq!(image.inspect("{{index .Config.Labels \"team\"}}"), "web");
    assert_eq!(image.inspect("{{.Config.WorkingDir}} {{.Config.User}} {{.Author}}"), "/srv 1000 Ann <ann@example.org>");
    // The base image's own command, not the shell that kept the container alive.
    assert_eq!(
        image.inspect("{{json .Config.Cmd}}"),
        docker(&["image", "inspect", "--format", "{{json .Config.Cmd}}", &busybox()])
    );
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn own_commands_of_the_base_image_can_be_replaced() {
    let workspace =
        source("  commit = true\n  changes = [\"cmd [\\\"/bin/true\\\"]\", \"ENTRYPOINT [\\\"/bin/env\\\"]\"]", "");
    let image = workspace.build(&[]).image();
    assert_eq!(image.inspect("{{json .Config.Cmd}} {{json .Config.Entrypoint}}"), r#"["/bin/true"] ["/bin/env"]"#);
}

#[test]
fn export_writes_the_file_system() {
    let workspace =
        source("  export_path = \"out/fs.tar\"", "provisioner \"shell\" { inline = [\"echo hi > /exported\"] }");
    workspace.build(&[]).says("Exported Docker file: out/fs.tar");
    let tar =
        Command::new("tar").args(["-xOf", "out/fs.tar", "exported"]).current_dir(workspace.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&tar.stdout).trim(), "hi");
    assert_eq!(fs::read_dir(workspace.path().join("out")).unwrap().count(), 1, "no temporary file stays");
}

#[test]
fn an_export_to_a_full_disk_leaves_no_file() {
    let full = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]).arg(full.path()).status().unwrap();
    assert!(mounted.success(), "a small file system is needed; run as root");
    let path = full.path().join("fs.tar");
    let workspace = source(&format!("  export_path = \"{}\"", path.display()), "");
    let ran = workspace.run(&["build", "."]);
    let left: Vec<_> = fs::read_dir(full.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    Command::new("umount").arg(full.path()).status().unwrap();
    assert_eq!(ran.code, Some(1), "{ran:#?}");
    ran.says("No space left on device");
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn discard_leaves_nothing() {
    let workspace = source("  discard = true", "provisioner \"shell\" { inline = [\"hostname\"] }");
    workspace.build(&[]);
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn run_command_is_read_as_command_line() {
    let workspace = source(
        r#"
  discard     = true
  run_command = ["-d", "-i", "-t", "--entrypoint=/bin/sh", "-e", "COLOUR=green", "--env", "SIZE=9", "--hostname", "box", "--tmpfs", "/scratch", "--", "{{.Image}}"]
"#,
        r#"provisioner "shell" { inline = ["echo $COLOUR-$SIZE-$(hostname)", "grep -c ' /scratch tmpfs' /proc/mounts"] }"#,
    );
    workspace.build(&[]).says("green-9-box").says("==> docker.d: 1");
    let workspace = source("  discard = true\n  run_command = [\"-d\", \"--no-such-flag\", \"{{.Image}}\"]", "");
    workspace.fail(&[]).says("--no-such-flag");
}

#[test]
fn volumes_users_and_capabilities_reach_the_container() {
    let shared = tempfile::tempdir().unwrap();
    fs::write(shared.path().join("note"), "from the host").unwrap();
    let workspace = source(
        &format!(
            "  discard = true\n  volumes = {{ \"{}\" = \"/shared:ro\" }}\n  exec_user = \"1000:1000\"\n",
            shared.path().display()
        ),
        r#"provisioner "shell" { inline = ["cat /shared/note; echo", "id -u", "touch /shared/x || echo read-only", "ls -d /packer-files"] }"#,
    );
    workspace
        .build(&[])
        .says("from the host")
        .says("==> docker.d: 1000")
        .says("==> docker.d: read-only")
        .says("/packer-files");
}

#[test]
fn images_can_be_built_from_a_dockerfile() {
    let workspace = Workspace::new(
        "source \"docker\" \"d\" {\n  commit = true\n  build {\n    path = \"Dockerfile\"\n    arguments = { WORD = \"given\" }\n    pull = false\n  }\n}\nbuild {\n  sources = [\"docker.d\"]\n  provisioner \"shell\" { inline = [\"cat /word\"] }\n}",
    );
    workspace.file("Dockerfile", format!("FROM {}\nARG WORD\nRUN echo $WORD > /word\n", busybox()));
    let ran = workspace.build(&[]);
    ran.says("==> docker.d: given");
    drop(ran.image());
}

#[test]
fn pulling_from_a_registry_with_a_password() {
    let registry = Registry::with_password();
    let name = format!("{}/private/base:1", registry.address);
    docker(&["tag", &busybox(), &name]);
    let config = tempfile::tempdir().unwrap();
    let folder = config.path().to_str().unwrap();
    docker(&["--config", folder, "login", "-u", USER, "-p", PASSWORD, &registry.address]);
    docker(&["--config", folder, "push", "-q", &name]);
    docker(&["rmi", &name]);
    let template = |login: &str| {
        format!(
            "source \"docker\" \"d\" {{\n  image = \"{name}\"\n  discard = true\n{login}\n}}\nbuild {{ sources = [\"docker.d\"] }}"
        )
    };
    let empty = tempfile::tempdir().unwrap();
    let anonymous = empty.path().to_str().unwrap();

    Workspace::new(&template("")).env("DOCKER_CONFIG", anonymous).fail(&[]).says("private/base:1");
    Workspace::new(&template("")).env("DOCKER_CONFIG", folder).build(&[]);
    docker(&["rmi", &name]);
    let login = format!(
        "  login = true\n  login_server = \"{}\"\n  login_username = \"{USER}\"\n  login_password = \"{PASSWORD}\"",
        registry.address
    );
    let workspace = Workspace::new(&template(&login)).env("DOCKER_CONFIG", anonymous).env("FORGE_LOG", "trace");
    workspace.build(&[]).says_not(PASSWORD);
    docker(&["rmi", &name]);
    let wrong = login.replace(PASSWORD, "wrong-password");
    Workspace::new(&template(&wrong)).env("DOCKER_CONFIG", anonymous).fail(&[]).says_not("wrong-password");
}

#[test]
fn a_container_that_dies_is_an_error_not_a_hang() {
    let workspace = source("  discard = true", "provisioner \"shell\" { inline = [\"kill -9 1; sleep 30\"] }");
    let mut command = workspace.command(&["build", "."]);
    command.env("IGNORED", "x");
    let ran = workspace.run(&["build", "."]);
    assert!(ran.took.as_secs() < 45, "{ran:#?}");
    assert_eq!(workspace.journals(), 0);
}

#[test]
fn file_and_null_builders() {
    let workspace = Workspace::new(
        "source \"file\" \"f\" {\n  content = \"hello\"\n  target = \"out.txt\"\n}\nsource \"null\" \"n\" { communicator = \"none\" }\nbuild { sources = [\"file.f\", \"null.n\"] }",
    );
    workspace
        .build(&[])
        .says("--> file.f: Stored file: out.txt")
        .says("--> null.n: Did not export anything. This is the null builder");
    assert_eq!(workspace.read("out.txt"), "hello");
}
