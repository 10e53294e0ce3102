//! Post-processors: names and pushes of images, files made of artifacts, and what is kept when one fails.

use crate::support::registry::{PASSWORD, Registry, USER};
use crate::support::{Image, Workspace, docker, setting};

fn image(post: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"docker\" \"d\" {{\n  image = \"BUSYBOX\"\n  pull = false\n  commit = true\n}}\nbuild {{\n  sources = [\"docker.d\"]\n  provisioner \"shell\" {{ inline = [\"date +%N%s > /unique\"] }}\n{post}\n}}\n"
    ))
}

fn file(post: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"file\" \"f\" {{\n  content = \"hello\"\n  target = \"out.txt\"\n}}\nbuild {{\n  sources = [\"file.f\"]\n{post}\n}}\n"
    ))
}

#[test]
fn tag_push_and_manifest() {
    let repository = format!("{}/forge-test/app-{}", setting("FORGE_TEST_REGISTRY"), std::process::id());
    let workspace = image(&format!(
        r#"
  post-processors {{
    post-processor "docker-tag" {{
      repository = "{repository}"
      tags       = ["1.0", "latest"]
    }}
    post-processor "docker-push" {{}}
    post-processor "manifest" {{
      output      = "m.json"
      custom_data = {{ digest = "${{build.Digest}}", who = "test" }}
    }}
  }}
"#
    ));
    let ran = workspace.build(&[]);
    let _image = ran.image();
    assert_eq!(ran.stdout.matches(&format!("Pushing: {repository}:1.0")).count(), 1, "{}", ran.stdout);
    let manifest: serde_json::Value = serde_json::from_str(&workspace.read("m.json")).unwrap();
    let build = &manifest["builds"][0];
    assert_eq!(build["name"], "d");
    assert_eq!(build["builder_type"], "docker");
    assert_eq!(build["custom_data"]["who"], "test");
    assert!(build["custom_data"]["digest"].as_str().unwrap().starts_with("sha256:"), "{manifest}");
    assert_eq!(build["packer_run_uuid"], manifest["last_run_uuid"]);
    for tag in ["1.0", "latest"] {
        let name = format!("{repository}:{tag}");
        docker(&["rmi", &name]);
        docker(&["pull", "-q", &name]);
        drop(Image(name));
    }
}

#[test]
fn a_registry_that_refuses_keeps_the_image() {
    let registry = Registry::with_password();
    let repository = format!("{}/refused/app", registry.address);
    let empty = tempfile::tempdir().unwrap();
    let post = format!(
        "post-processors {{\n post-processor \"docker-tag\" {{\n repository = \"{repository}\"\n tags = [\"1\"]\n }}\n post-processor \"docker-push\" {{ LOGIN }}\n}}"
    );
    let workspace = image(&post.replace("LOGIN", "")).env("DOCKER_CONFIG", empty.path().to_str().unwrap());
    let ran = workspace.fail(&[]);
    ran.says("Post-processor failed").says(&repository);
    let kept = ran.image();
    assert!(kept.exists(), "a good image is kept when a post-processor fails");
    drop(kept);
    let login = format!(
        "\n login = true\n login_server = \"{}\"\n login_username = \"{USER}\"\n login_password = \"{PASSWORD}\"\n",
        registry.address
    );
    let workspace = image(&post.replace("LOGIN", &login)).env("DOCKER_CONFIG", empty.path().to_str().unwrap());
    let ran = workspace.build(&[]);
    ran.says_not(PASSWORD);
    drop(ran.image());
}

#[test]
fn pushing_what_has_no_name_is_refused() {
    let ran = image("post-processor \"docker-push\" {}").fail(&[]);
    ran.says("docker-tag");
    drop(ran.image());
}

#[test]
fn save_and_import() {
    let workspace = image("post-processor \"docker-save\" { path = \"image.tar\" }");
    drop(workspace.build(&[]).image());
    assert!(workspace.path().join("image.tar").metadata().unwrap().len() > 100_000);
    let workspace = Workspace::new(
        r#"
source "docker" "d" {
  image       = "BUSYBOX"
  export_path = "fs.tar"
}
build {
  sources = ["docker.d"]
  post-processor "docker-import" {
    repository = "forge-test/imported"
    tag        = "1"
    changes    = ["CMD [\"/bin/true\"]"]
  }
}
"#,
    );
    workspace.build(&[]).says("forge-test/imported:1");
    let imported = Image("forge-test/imported:1".to_owned());
    assert_eq!(imported.inspect("{{json .Config.Cmd}}"), r#"["/bin/true"]"#);
}

#[test]
fn checksums_and_archives() {
    let workspace = file(
        r#"
  post-processor "checksum" {
    checksum_types = ["md5", "sha256"]
    output         = "sum.{{.ChecksumType}}"
  }
  post-processors {
    post-processor "artifice" { files = ["out.txt"] }
    post-processor "compress" {
      output              = "out.tar.gz"
      keep_input_artifact = true
    }
  }
"#,
    );
    workspace.build(&[]);
    assert_eq!(workspace.read("sum.md5"), "5d41402abc4b2a76b9719d911017c592\tout.txt\n");
    assert!(
        workspace.read("sum.sha256").starts_with("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\t")
    );
    let listing =
        std::process::Command::new("tar").args(["-tzf", "out.tar.gz"]).current_dir(workspace.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&listing.stdout), "out.txt\n");
}

/// As in the peer, the facts of the build are fields of late texts beside their own.
#[test]
fn late_texts_may_speak_of_the_build() {
    let workspace = file(
        r#"
  post-processor "shell-local" {
    inline          = ["echo ran"]
    execute_command = ["/bin/sh", "-c", "echo {{ .ConnType }} {{ build `ID` }} && {{ .Vars }} {{ .Script }}"]
  }
  post-processor "checksum" { output = "{{ .BuildName }}-{{ .ID }}.{{ .ChecksumType }}" }
  post-processor "manifest" {
    output      = "m.json"
    custom_data = { id = "{{ .ID }}", address = "{{ .PackerHTTPAddr }}" }
  }
"#,
    );
    workspace.build(&[]).says("(shell-local): none File").says("(shell-local): ran");
    assert!(workspace.read("f-File.md5").ends_with("\tout.txt\n"));
    let manifest: serde_json::Value = serde_json::from_str(&workspace.read("m.json")).unwrap();
    let custom = &manifest["builds"][0]["custom_data"];
    assert_eq!(custom["id"], "File", "{custom}");
    assert_eq!(custom["address"], "ERR_HTTP_ADDR_NOT_IMPLEMENTED_BY_BUILDER", "{custom}");
}

#[test]
fn a_failing_post_processor_ends_its_sequence_only() {
    let workspace = file(
        r#"
  post-processors {
    post-processor "shell-local" { inline = ["exit 5"] }
    post-processor "shell-local" { inline = ["echo never"] }
  }
  post-processor "shell-local" { inline = ["echo other sequence"] }
"#,
    );
    let ran = workspace.fail(&[]);
    ran.says("other sequence").says_not("==> file.f (shell-local): never");
    ran.says("Some builds didn't complete successfully and had errors");
    assert_eq!(workspace.read("out.txt"), "hello", "the builder's file is kept");
}

#[test]
fn inputs_go_when_nobody_wants_them() {
    let workspace = file("post-processor \"compress\" { output = \"out.zip\" }");
    workspace.build(&[]);
    assert!(!workspace.path().join("out.txt").exists(), "compress does not keep its input");
    assert!(workspace.path().join("out.zip").exists());
}

#[test]
fn manifests_are_appended_and_replaced_by_force() {
    let workspace = file("post-processor \"manifest\" { output = \"m.json\" }");
    let builds = |workspace: &Workspace| {
        let manifest: serde_json::Value = serde_json::from_str(&workspace.read("m.json")).unwrap();
        manifest["builds"].as_array().unwrap().len()
    };
    workspace.build(&[]);
    workspace.build(&[]);
    assert_eq!(builds(&workspace), 2);
    workspace.build(&["-force"]);
    assert_eq!(builds(&workspace), 1);
}
