//! Provisioners on a real container: scripts, uploads, downloads, and the arguments that every provisioner has.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::{Ran, Workspace};

/// A build that throws its container away, with these provisioners.
fn workspace(provisioners: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"docker\" \"d\" {{\n  image = \"BUSYBOX\"\n  pull = false\n  discard = true\n}}\nbuild {{\n  sources = [\"docker.d\"]\n{provisioners}\n}}\n"
    ))
}

fn shell(line: &str) -> String {
    format!("provisioner \"shell\" {{ inline = [{line:?}] }}\n")
}

fn order(ran: &Ran, parts: &[&str]) {
    let mut from = 0;
    for part in parts {
        let at = ran.stdout[from..]
            .find(part)
            .unwrap_or_else(|| panic!("{part:?} is missing or out of order:\n{}", ran.stdout));
        from += at + part.len();
    }
}

#[test]
fn scripts_see_their_environment() {
    let workspace = workspace(
        r#"
  provisioner "shell" {
    script           = "setup.sh"
    environment_vars = ["QUOTED=it's", "PLAIN=1"]
    env              = { PLAIN = "2" }
  }
"#,
    );
    workspace.file("setup.sh", "#!/bin/sh\r\necho \"$QUOTED $PLAIN $PACKER_BUILD_NAME $PACKER_BUILDER_TYPE\"\r\n");
    workspace.build(&[]).says("==> docker.d: it's 2 d docker").says("Provisioning with shell script: setup.sh");
}

#[test]
fn nothing_of_a_script_stays_on_the_machine() {
    workspace(&(shell("echo one") + &shell("ls /tmp | wc -l"))).build(&[]).says("==> docker.d: 1");
}

#[test]
fn standard_error_and_exit_codes() {
    let ran = workspace(&shell("echo oops >&2; exit 3")).fail(&[]);
    ran.says("==> docker.d: oops").says("Script exited with non-zero exit status: 3. Allowed exit codes are: [0]");
    ran.says("==> Builds finished but no artifacts were created.");
    workspace("provisioner \"shell\" {\n inline = [\"exit 3\"]\n valid_exit_codes = [0, 3]\n}").build(&[]);
}

#[test]
fn output_that_is_no_text_or_very_long_or_hostile() {
    let ran = workspace(&shell(r"printf 'bad \377 byte\n'; head -c 3000000 /dev/zero | tr '\0' x; echo; echo end"))
        .build(&[]);
    ran.says("bad \u{fffd} byte").says("==> docker.d: end");
    let hostile = workspace(&shell(
        "echo '::error::forged'; echo '  ::add-mask::a'; echo 'x ##[Group]y'; printf 'a\\r::warning::b\\n'",
    ))
    .env("GITHUB_ACTIONS", "true")
    .build(&[]);
    for line in hostile.stdout.split(['\n', '\r']) {
        let start = line.trim_start();
        let ours = start.starts_with("::group::") || start.starts_with("::endgroup::");
        assert!(ours || !start.starts_with("::"), "a guest issued {line:?}");
        assert!(!line.to_lowercase().contains("##["), "a guest issued {line:?}");
    }
    hostile.says("forged");
}

#[test]
fn files_go_up_and_down() {
    let workspace = workspace(
        r#"
  provisioner "file" {
    source      = "one.sh"
    destination = "/tmp/"
  }
  provisioner "file" {
    source      = "tree"
    destination = "/tmp"
  }
  provisioner "shell" { inline = ["mkdir /opt"] }
  provisioner "file" {
    source      = "tree/"
    destination = "/opt/contents"
  }
  provisioner "file" {
    content     = "inline ${build.User}"
    destination = "/tmp/content"
  }
  provisioner "shell" {
    inline = ["stat -c '%a %u' /tmp/one.sh", "cat /tmp/tree/a/b", "cat /opt/contents/a/b", "cat /tmp/content; echo", "ln -s /tmp/content /tmp/link"]
  }
  provisioner "file" {
    direction   = "download"
    source      = "/tmp/link"
    destination = "down/here/content"
  }
  provisioner "file" {
    direction   = "download"
    source      = "/opt/contents/"
    destination = "folder"
  }
"#,
    );
    let script = workspace.file("one.sh", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o751)).unwrap();
    workspace.file("tree/a/b", "deep\n");
    let ran = workspace.build(&[]);
    ran.says("==> docker.d: 751 0").says("==> docker.d: deep").says("Uploading one.sh => /tmp/");
    assert!(workspace.read("down/here/content").starts_with("inline"));
    assert_eq!(workspace.read("folder/contents/a/b"), "deep\n");
}

#[test]
fn an_upload_into_a_folder_that_is_not_there_says_so() {
    let workspace =
        workspace("provisioner \"file\" {\n source = \"t.pkr.hcl\"\n destination = \"/no/such/folder/x\"\n}");
    workspace.fail(&[]).says("/no/such/folder");
}

#[test]
fn credentials_of_other_steps_do_not_get_into_an_image() {
    let workspace = workspace("provisioner \"file\" {\n source = \".\"\n destination = \"/app\"\n}");
    let token = "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic x\n";
    let of_submodule = ".git/modules/lib/config";
    for (name, text) in [
        ("gha-creds-0a1b.json", "{}"),
        (".git/config", token),
        (of_submodule, token),
        ("temp/git-credentials-0a1b.config", token),
    ] {
        let path = workspace.file(name, text);
        workspace.fail(&[]).says(name).says("persist-credentials");
        fs::remove_file(path).unwrap();
    }
    for name in [".git/config", of_submodule] {
        workspace.file(name, "[core]\n\tbare = false\n");
    }
    workspace.build(&[]);
}

#[test]
fn retries_go_on_and_give_up() {
    let ran = workspace("provisioner \"shell\" {\n max_retries = 2\n inline = [\"echo try >> /count\", \"test $(wc -l < /count) = 3\"]\n}")
        .build(&[]);
    ran.says("retrying with 2 tries left").says("retrying with 1 try left");
    workspace("provisioner \"shell\" {\n max_retries = 1\n inline = [\"exit 4\"]\n}")
        .fail(&[])
        .says("retry limit reached.");
}

#[test]
fn time_limits_end_a_provisioner_and_a_pause_does_not_switch_them_off() {
    let ran =
        workspace("provisioner \"shell\" {\n pause_before = \"100ms\"\n timeout = \"1s\"\n inline = [\"sleep 60\"]\n}")
            .fail(&[]);
    ran.says("Pausing 100ms before the next provisioner...").says("Cancelling provisioner after a timeout...");
    assert!(ran.took.as_secs() < 20, "{:?}", ran.took);
}

#[test]
fn errors_can_be_passed_over_or_cleaned_up_after() {
    workspace(
        &("provisioner \"shell\" {\n continue_on_error = true\n inline = [\"exit 9\"]\n}\n".to_owned()
            + &shell("echo went on")),
    )
    .build(&[])
    .says("==> docker.d: went on");
    let ran =
        workspace(&(shell("exit 9") + "error-cleanup-provisioner \"shell\" { inline = [\"echo tidying\"] }")).fail(&[]);
    order(&ran, &["tidying", "exit status: 9"]);
}

#[test]
fn only_except_and_override_choose_by_source() {
    let workspace = Workspace::new(
        r#"
source "docker" "a" {
  image   = "BUSYBOX"
  discard = true
}
source "null" "b" { communicator = "none" }
build {
  name    = "both"
  sources = ["docker.a", "null.b"]
  provisioner "shell" {
    only   = ["docker.a"]
    inline = ["echo machine"]
  }
  provisioner "shell-local" {
    except   = ["null.b"]
    inline   = ["echo not for b"]
  }
  provisioner "shell-local" {
    inline   = ["echo plain"]
    override = { b = { inline = ["echo overridden"] } }
  }
}
"#,
    );
    let ran = workspace.build(&[]);
    ran.says("==> both.docker.a: machine").says("==> both.docker.a: not for b").says("==> both.docker.a: plain");
    ran.says("==> both.null.b: overridden").says_not("==> both.null.b: not for b");
    workspace.build(&["-only=both.null.*"]).says_not("docker.a: machine");
    workspace.build(&["-except=*.docker.a"]).says_not("docker.a: machine");
    workspace.fail(&["-only=nothing"]).says("no builds to run");
}

#[test]
fn build_facts_are_known_to_provisioners() {
    let ran = workspace("provisioner \"shell\" { inline = [\"echo id=${build.ID} run=${build.PackerRunUUID} type=${build.ConnType} ${source.name} ${packer.version}\"] }")
        .build(&[]);
    ran.says("type=docker d 1.16.0").says_not("<unknown>");
    workspace("provisioner \"shell\" { inline = [\"echo ${build.Nothing}\"] }").fail(&[]).says("Nothing");
}

#[test]
fn dynamic_blocks_and_loops() {
    let workspace = workspace(
        r#"
  dynamic "provisioner" {
    labels   = ["shell"]
    for_each = ["x", "y"]
    content { inline = ["echo item-${provisioner.value}"] }
  }
"#,
    );
    order(&workspace.build(&[]), &["item-x", "item-y"]);
}

#[test]
fn local_scripts_do_not_see_the_runners_tokens() {
    let workspace = Workspace::new(
        "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" { inline = [\"env\"] }\n}",
    )
    .env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "token-one")
    .env("ACTIONS_RUNTIME_TOKEN", "token-two")
    .env("ORDINARY", "stays");
    workspace.build(&[]).says("ORDINARY=stays").says_not("token-one").says_not("token-two");
}

#[test]
fn sleep_and_breakpoint() {
    workspace("provisioner \"sleep\" { duration = \"50ms\" }\nprovisioner \"breakpoint\" { disable = true }")
        .build(&[]);
    workspace("provisioner \"breakpoint\" { note = \"look\" }").fail(&[]);
}
