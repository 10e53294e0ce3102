//! forge and the distribution's Packer on the same template: same manifest fields, image config and file tree.

use std::path::Path;
use std::process::Command;

use crate::support::{Image, Workspace, setting};

fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").args(["-r"]).arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// Paths, modes, owners and types of every file that the build itself decides; what a package manager writes with
/// times in it is left out.
fn tree(image: &Image) -> Vec<String> {
    let list =
        image.sh("find / -xdev ! -path '/proc/*' ! -path '/sys/*' ! -path '/dev/*' -printf '%p %y %m %U:%G\\n' | sort");
    let volatile = [
        "/var/cache/",
        "/var/lib/apt/",
        "/var/log/",
        "/var/lib/dpkg/",
        "/tmp",
        "/run",
        "/etc/hostname",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/.dockerenv",
    ];
    list.lines().filter(|line| !volatile.iter().any(|v| line.starts_with(v))).map(str::to_owned).collect()
}

#[test]
fn the_nginx_example_is_the_same_image() {
    let (packer, base, registry) =
        (setting("FORGE_TEST_PACKER"), setting("FORGE_TEST_BASE_IMAGE"), setting("FORGE_TEST_REGISTRY"));
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/nginx");
    let mut results = Vec::new();
    for tool in ["packer", "forge"] {
        let workspace = Workspace::new("");
        copy(&example, &workspace.path().join("nginx"));
        let repository = format!("{registry}/side-by-side/{tool}");
        let vars = [format!("base_image={base}"), format!("repository={repository}")];
        let args = ["build", "-var", &vars[0], "-var", &vars[1], "nginx"];
        let mut command = workspace.command(&args);
        if tool == "packer" {
            command = Command::new(&packer);
            command
                .args(["build", "-color=false"])
                .args(&args[1..])
                .current_dir(workspace.path())
                .env("CHECKPOINT_DISABLE", "1");
        }
        let output = command.output().unwrap();
        let log = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{tool}: {log}");
        let found = Command::new("find")
            .args([".", "-name", "*manifest*.json"])
            .current_dir(workspace.path())
            .output()
            .unwrap();
        let manifest = String::from_utf8(found.stdout).unwrap();
        let manifest: serde_json::Value =
            serde_json::from_str(&workspace.read(manifest.trim().lines().next().unwrap())).unwrap();
        let at = log.find("Image ID: sha256:").unwrap_or_else(|| panic!("{tool}: {log}"));
        let id = log[at + 10..].split_whitespace().next().unwrap().to_owned();
        results.push((Image(id), manifest, repository));
    }
    let [(theirs, their_manifest, their_repository), (ours, our_manifest, our_repository)] = &results[..] else {
        panic!()
    };
    for field in ["Cmd", "Entrypoint", "Env", "ExposedPorts", "WorkingDir", "User", "Volumes"] {
        let format = format!("{{{{json .Config.{field}}}}}");
        assert_eq!(ours.inspect(&format), theirs.inspect(&format), "{field}");
    }
    // Ours says what it was made of, and is the same but for that.
    let labels = |image: &Image| -> serde_json::Map<String, serde_json::Value> {
        serde_json::from_str(&image.inspect("{{json .Config.Labels}}")).unwrap()
    };
    let mut our_labels = labels(ours);
    let made_of = our_labels.remove("forge.inputs").unwrap();
    assert!(made_of.as_str().unwrap().starts_with("sha256:"), "{made_of}");
    assert_eq!(our_labels, labels(theirs));
    assert_eq!(
        ours.inspect("{{.Author}} {{.Os}}/{{.Architecture}}"),
        theirs.inspect("{{.Author}} {{.Os}}/{{.Architecture}}")
    );
    assert_eq!(tree(ours), tree(theirs));
    let build = |manifest: &serde_json::Value, repository: &str| {
        let mut build = manifest["builds"][0].clone();
        let object = build.as_object_mut().unwrap();
        let keys: Vec<String> = object.keys().cloned().collect();
        for random in ["build_time", "packer_run_uuid"] {
            object.remove(random);
        }
        let id = object["artifact_id"].as_str().unwrap().replace(repository, "REPOSITORY");
        let id = if id.starts_with("sha256:") { "sha256".to_owned() } else { id };
        object.insert("artifact_id".into(), id.into());
        (keys, build)
    };
    let (mut our_keys, our_build) = build(our_manifest, our_repository);
    let (mut their_keys, their_build) = build(their_manifest, their_repository);
    our_keys.sort();
    their_keys.sort();
    assert_eq!(our_keys, their_keys);
    assert_eq!(our_build["name"], their_build["name"]);
    assert_eq!(our_build["builder_type"], their_build["builder_type"]);
    assert_eq!(our_build["artifact_id"], their_build["artifact_id"]);
    assert_eq!(our_build["files"], their_build["files"]);
}
