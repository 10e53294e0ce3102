//! What is in an image: told by guests of many kinds, good and bad, and kept as record and CycloneDX.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::action::{output, runner};
#[cfg(feature = "aws")]
use crate::support::lab::Lab;
use crate::support::{Image, Workspace, docker, setting};

/// A build of the image with a shell provisioner for each of the scripts.
pub(crate) fn template(image: &str, scripts: &[&str]) -> String {
    let steps: String =
        scripts.iter().map(|script| format!("provisioner \"shell\" {{ inline = [{}] }}\n", json!(script))).collect();
    format!(
        "source \"docker\" \"web\" {{\n image = {image:?}\n pull = false\n commit = true\n changes = [\"ENV TOKEN=hunter2\", \"EXPOSE 80\", \
         \"LABEL team=images\"]\n}}\nbuild {{\n sources = [\"docker.web\"]\n{steps}}}\n"
    )
}

fn debian() -> String {
    setting("FORGE_TEST_BASE_IMAGE")
}

/// Builds it as the action does. The record's only build, with the image removed at the end.
fn built(image: &str, scripts: &[&str]) -> (Value, Image, Workspace) {
    let workspace = runner(&template(image, scripts)).env("INPUT_TEMPLATE", "t.pkr.hcl");
    let ran = workspace.run(&["action"]);
    ran.succeeded();
    let image = ran.image();
    (record(&workspace)["builds"][0].take(), image, workspace)
}

fn record(workspace: &Workspace) -> Value {
    serde_json::from_str(&std::fs::read_to_string(output(workspace, "record")).unwrap()).unwrap()
}

/// `name version architecture` of one manager.
fn packages(build: &Value, manager: &str) -> Vec<String> {
    let all = build["inventory"]["packages"].as_array().cloned().unwrap_or_default();
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let line = |p: &Value| format!("{} {} {}", text(p, "name"), text(p, "version"), text(p, "architecture"));
    all.iter().filter(|p| p["manager"] == manager).map(|p| line(p).trim_end().to_owned()).collect()
}

fn missing(build: &Value) -> Vec<String> {
    let all = build["inventory"]["missing"].as_array().cloned().unwrap_or_default();
    all.iter().map(|m| format!("{}: {}", m["part"].as_str().unwrap(), m["why"].as_str().unwrap())).collect()
}

/// Says how many components the documents have, after CycloneDX's own reader has read them.
fn validated(paths: &[&str]) -> String {
    let check = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/cyclonedx_check.py");
    let output = Command::new(setting("FORGE_TEST_PYTHON")).arg(check).args(paths).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_image_is_known_by_what_its_own_tools_know() {
    let script = "set -e; useradd -u 1234 -m -s /bin/bash deploy; mkdir -p /etc/systemd/system/multi-user.target.wants; \
        ln -s /lib/systemd/system/web.service /etc/systemd/system/multi-user.target.wants/web.service; \
        mkdir -p /usr/local/lib/python3.11/dist-packages/Foo_Bar-1.2.dist-info /usr/local/lib/node_modules/@a/b \
        /usr/local/bundle/specifications; echo '  \"version\": \"3.1.0\",' >/usr/local/lib/node_modules/@a/b/package.json; \
        touch /usr/local/bundle/specifications/rack-2.2.3.gemspec";
    let (build, image, workspace) = built(&debian(), &[script]);
    let real = docker(&["run", "--rm", &image.0, "dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n"]);
    let mut real: Vec<&str> = real.lines().collect();
    real.sort_unstable();
    let mut found = packages(&build, "dpkg");
    found.sort_unstable();
    assert!(found.len() > 50, "{found:?}");
    assert_eq!(found, real);
    assert_eq!(packages(&build, "python"), ["Foo_Bar 1.2"]);
    assert_eq!(packages(&build, "node"), ["@a/b 3.1.0"]);
    assert_eq!(packages(&build, "ruby"), ["rack 2.2.3"]);
    let inventory = &build["inventory"];
    assert_eq!(
        (inventory["system"]["id"].as_str(), inventory["system"]["version"].as_str()),
        (Some("debian"), Some("12"))
    );
    assert_eq!(inventory["system"]["kernel"], "", "a container has none of its own");
    let user = json!({ "name": "deploy", "id": 1234, "home": "/home/deploy", "shell": "/bin/bash" });
    assert!(inventory["users"].as_array().unwrap().contains(&user), "{inventory:#}");
    assert!(inventory["services"].as_array().unwrap().contains(&json!("web.service")), "{inventory:#}");
    assert_eq!(missing(&build), [""; 0]);
    // Of variables only the names.
    let config = &inventory["image"];
    assert!(config["variables"].as_array().unwrap().contains(&json!("TOKEN")), "{config:#}");
    assert_eq!((&config["ports"], &config["labels"]), (&json!(["80/tcp"]), &json!({ "team": "images" })));
    assert!(!inventory.to_string().contains("hunter2"), "{inventory:#}");
    assert_eq!(build["size"].as_u64().unwrap().to_string(), image.inspect("{{.Size}}"));
    let sbom = output(&workspace, "sbom");
    assert!(sbom.ends_with("/forge-docker.web.cdx.json"), "{sbom}");
    assert_eq!(validated(&[&sbom]).trim(), format!("{sbom}: {} components", found.len() + 4));
}

#[test]
fn looking_leaves_nothing_in_the_image() {
    let changed = |inventory: &str| {
        let workspace = runner(&template(&debian(), &["touch /made"])).env("INPUT_INVENTORY", inventory);
        let ran = workspace.run(&["action"]);
        ran.succeeded();
        let image = ran.image();
        let container = docker(&["create", &image.0]);
        let listed =
            Command::new("sh").args(["-c", &format!("docker export {container} | tar -t | sort")]).output().unwrap();
        docker(&["rm", "-f", &container]);
        (
            String::from_utf8(listed.stdout).unwrap(),
            image.inspect("{{len .RootFS.Layers}} {{len .Config.Env}}"),
            record(&workspace),
        )
    };
    let (with, without) = (changed("true"), changed("false"));
    assert_eq!((&with.0, &with.1), (&without.0, &without.1));
    assert!(with.0.contains("made\n") && with.2["builds"][0]["inventory"].is_object());
    assert_eq!(without.2["builds"][0]["inventory"], Value::Null);
}

#[test]
fn other_managers_tell_what_they_have() {
    let script = "mkdir -p /lib/apk/db /var/lib/pacman/local/bash-5.2-1 /etc/runlevels/default; \
        printf 'C:Q1x\\nP:musl\\nV:1.2.4-r2\\nA:x86_64\\nF:lib\\n\\nP:busybox\\nV:1.36.1-r5\\nA:x86_64\\n\\n' >/lib/apk/db/installed; \
        printf '%%NAME%%\\nbash\\n\\n%%VERSION%%\\n1:5.2-1\\n\\n%%ARCH%%\\nx86_64\\n' >/var/lib/pacman/local/bash-5.2-1/desc; \
        touch /etc/runlevels/default/sshd";
    let (build, _image, workspace) = built(&setting("FORGE_TEST_BUSYBOX"), &[script]);
    assert_eq!(packages(&build, "apk"), ["busybox 1.36.1-r5 x86_64", "musl 1.2.4-r2 x86_64"]);
    assert_eq!(packages(&build, "pacman"), ["bash 1:5.2-1 x86_64"]);
    assert_eq!(build["inventory"]["services"], json!(["sshd"]));
    assert_eq!(missing(&build), ["system: there is no os-release file"]);
    validated(&[&output(&workspace, "sbom")]);
}

#[test]
fn rpms_database_is_read_by_rpm_and_stays_as_it_is() {
    let script = "sh -c 'cd /var/lib/rpm && ls -a . && md5sum *' >/before";
    let (build, image, workspace) = built(&setting("FORGE_TEST_RPM"), &[script]);
    assert_eq!(packages(&build, "rpm"), ["tool 1.5~rc1-3.el9 noarch", "web 1:2.0-3.el9 noarch"]);
    assert!(packages(&build, "dpkg").len() > 50 && missing(&build).is_empty(), "{:?}", missing(&build));
    let after = image.sh("cd /var/lib/rpm && ls -a . && md5sum *");
    assert_eq!(after, image.sh("cat /before").trim());
    let sbom = output(&workspace, "sbom");
    validated(&[&sbom]);
    assert!(std::fs::read_to_string(sbom).unwrap().contains("web@2.0-3.el9?arch=noarch&distro=debian-12&epoch=1"));
    // The database without its program.
    let (build, _image, _workspace) = built(&setting("FORGE_TEST_RPM"), &["rm /usr/bin/rpm"]);
    assert_eq!(missing(&build), ["rpm: its database is there, but the program rpm is not"]);
}

#[test]
fn a_broken_database_is_a_smaller_inventory() {
    let (build, _image, _workspace) = built(&debian(), &["head -c 100000 /dev/urandom >/var/lib/dpkg/status"]);
    assert_eq!(missing(&build), ["dpkg: its database has no package that can be read"]);
    let cut = "sed -i '/^Package: bash$/,/^Version/{/^Version/d}' /var/lib/dpkg/status";
    let (build, _image, _workspace) = built(&debian(), &[cut]);
    assert_eq!(missing(&build), ["dpkg: 1 entries cannot be read"]);
    assert!(packages(&build, "dpkg").len() > 50);
    let (build, _image, _workspace) = built(&debian(), &["rm /var/lib/dpkg/status && mkdir /var/lib/dpkg/status"]);
    assert_eq!(missing(&build), ["dpkg: sed could not read /var/lib/dpkg/status"]);
}

#[test]
fn a_shell_alone_is_enough() {
    let script = "mkdir -p /var/lib/dpkg; echo 'Package: a' >/var/lib/dpkg/status; echo ID=tiny >/etc/os-release; \
        cd /bin; rm -f sed grep find uname cat ls awk cut";
    let busybox = setting("FORGE_TEST_BUSYBOX");
    // Its shell has its applets in it, whatever files there are; that of Debian has not.
    let (build, _image, _workspace) = built(&busybox, &[script]);
    assert_eq!(
        (build["state"].as_str(), build["inventory"]["system"]["id"].as_str()),
        (Some("succeeded"), Some("tiny"))
    );
    assert_eq!(build["inventory"]["users"][0]["name"], "root");
    let lost = "rm -f /bin/sed /usr/bin/uname /bin/uname /usr/bin/sed";
    let (build, _image, _workspace) = built(&debian(), &[lost]);
    let expected =
        ["dpkg: sed could not read /var/lib/dpkg/status", "system: there is no uname to ask for the architecture"];
    assert_eq!(missing(&build), expected);
    assert_eq!(build["inventory"]["system"]["id"], "debian");
}

#[test]
fn fifty_thousand_packages_are_no_trouble() {
    let script = "awk 'BEGIN { for (i = 0; i < 50000; i++) printf \"Package: p%d\\nStatus: install ok installed\\nMaintainer: \
        someone\\nArchitecture: amd64\\nVersion: 1:%d.0-1+b1\\nDescription: long\\n more of it\\n\\n\", i, i }' >/var/lib/dpkg/status";
    let (build, _image, workspace) = built(&debian(), &[script]);
    assert_eq!((packages(&build, "dpkg").len(), missing(&build)), (50_000, Vec::new()));
    assert!(std::fs::metadata(output(&workspace, "sbom")).unwrap().len() > 1_000_000);
    // Compared with themselves, and a page says no more than GitHub takes.
    let path = output(&workspace, "record");
    let ran = workspace.run(&["report", &path, "--baseline", &path]);
    ran.succeeded().says("<code>docker.web</code>: no change");
    assert!(ran.stdout.len() < 60_000 && ran.took < Duration::from_secs(20), "{:?}", ran.took);
}

#[test]
fn hostile_names_are_text_everywhere() {
    let script = "mkdir -p /lib/apk/db; printf 'P:@everyone\\nV:1|2\\n\\nP:</details><img src=x>\\nV:::error::owned\\n\\n\
        P:\\342\\200\\256gnp\\nV:\\033[31m[x](http://evil.example)\\n\\nP:\\377\\376\\nV:`1`\\n\\n' >/lib/apk/db/installed; \
        echo 'PRETTY_NAME=\"::set-output name=x::y\"' >/etc/os-release; echo 'evil:x:0:0::/:::error::z' >>/etc/passwd; \
        mkdir -p /etc/runlevels/default; touch \"/etc/runlevels/default/$(printf 'a\\n::error::b')\"";
    let (build, _image, workspace) = built(&setting("FORGE_TEST_BUSYBOX"), &[script]);
    assert_eq!(packages(&build, "apk").len(), 4, "{build:#}");
    validated(&[&output(&workspace, "sbom")]);
    let mut before = record(&workspace);
    before["builds"][0]["inventory"]["packages"] = json!([]);
    workspace.file("before.json", before.to_string());
    let path = output(&workspace, "record");
    let ran = workspace.run(&["report", &path, "--baseline", "before.json"]);
    ran.succeeded().says("4 packages added").says("&#64;").says("&lt;/details&gt;");
    for live in ["<img", "@everyone", "\u{202e}", "\u{1b}", "](http"] {
        ran.says_not(live);
    }
    assert!(!ran.stdout.lines().any(|line| line.starts_with("::")), "{}", ran.stdout);
    let log = workspace.run(&["action"]);
    let image = log.image();
    let ours = ["::group::", "::endgroup::", "::add-mask::", "::notice"];
    let alien = |line: &&str| line.starts_with("::") && !ours.iter().any(|own| line.starts_with(own));
    assert_eq!(log.stdout.lines().find(alien), None, "{}", image.0);
}

#[test]
fn a_program_that_hangs_takes_only_its_part() {
    let script = "printf '#!/bin/sh\\nsleep 1000\\n' >/usr/bin/rpm; chmod +x /usr/bin/rpm; mkdir -p /var/lib/rpm; touch /var/lib/rpm/rpmdb.sqlite; \
        cp /usr/bin/rpm /usr/local/bin/dpkg-query";
    let (build, image, workspace) = built(&debian(), &[script]);
    assert_eq!(missing(&build), ["rpm: there was no answer within 20 s"]);
    assert!(packages(&build, "dpkg").len() > 50);
    assert!(image.exists());
    assert!(workspace.read(".runner/GITHUB_STEP_SUMMARY").contains("succeeded"));
}

#[test]
fn the_command_line_looks_only_when_asked() {
    let busybox = setting("FORGE_TEST_BUSYBOX");
    let workspace = Workspace::new(&template(&busybox, &["true"]));
    let ran = workspace.build(&[]);
    ran.says_not("inventory");
    drop(ran.image());
    let ran = workspace.build(&["-inventory"]);
    ran.says("Taking the inventory...").says("An unknown system: 0 packages, 0 services, 1 users");
    drop(ran.image());
    let ran = workspace.build(&["-sbom", "boms"]);
    drop(ran.image());
    let path = workspace.path().join("boms/forge-docker.web.cdx.json");
    validated(&[path.to_str().unwrap()]);
    workspace.fail(&["-sbom=boms", "-inventory=false"]).says("-inventory=false turns off");
    let file = Workspace::new(&template(&busybox, &["true"]));
    file.file("boms", "a file");
    let ran = file.fail(&["-sbom=boms"]);
    ran.says("Error: -sbom: ");
    drop(ran.image());
}

#[test]
fn what_is_no_image_has_no_inventory() {
    let text = template(&setting("FORGE_TEST_BUSYBOX"), &["true"]);
    let (discard, export) =
        (text.replace("commit = true", "discard = true"), text.replace("commit = true", "export_path = \"x.tar\""));
    let builds = |template: &str| {
        let workspace = runner(template);
        workspace.run(&["action"]).succeeded();
        record(&workspace)["builds"][0].take()
    };
    assert_eq!(builds(&discard)["inventory"], Value::Null);
    assert_eq!(builds(&export)["inventory"]["users"][0]["name"], "root");
    let none = text.replace("commit = true", "commit = true\n communicator = \"none\"");
    let none: String =
        none.lines().filter(|line| !line.contains("provisioner")).map(|line| format!("{line}\n")).collect();
    let build = builds(&none);
    assert_eq!(missing(&build), ["contents: there is no way to ask a machine whose communicator is \"none\""]);
    assert_eq!(build["inventory"]["image"]["ports"], json!(["80/tcp"]));
    drop(Image(build["images"][0]["id"].as_str().unwrap().to_owned()));
}

#[test]
fn two_records_are_compared() {
    let (_, _image, old) = built(&debian(), &["true"]);
    let script = "useradd deploy; rm -rf /var/lib/dpkg/info/bash.*; \
        sed -i '/^Package: bash$/,/^$/s/^Version: .*/Version: 99.0/; /^Package: hostname$/,/^$/d' /var/lib/dpkg/status; \
        printf '\\nPackage: hello\\nStatus: install ok installed\\nArchitecture: amd64\\nVersion: 2.10-3\\n\\n' >>/var/lib/dpkg/status";
    let (_, _image, new) = built(&debian(), &[script]);
    let (old, path) = (output(&old, "record"), output(&new, "record"));
    let ran = new.run(&["report", &path, "-baseline", &old]);
    ran.succeeded().says("<code>docker.web</code>: 1 package added, 1 removed, 1 upgraded, 1 setting changed");
    ran.says("| <code>hello</code> dpkg (amd64) | *added* | <code>2.10-3</code> |");
    ran.says("<code>99.0</code> |").says("| user deploy |");
    let ran = new.run(&["report", &path, "--baseline", &old, "--json"]);
    let joined: Value = serde_json::from_str(&ran.stdout).unwrap();
    let change = &joined["builds"][0]["change"];
    assert_eq!(
        (change["added"][0]["name"].as_str(), change["removed"][0]["name"].as_str()),
        (Some("hello"), Some("hostname"))
    );
    assert_eq!(change["upgraded"][0]["package"]["version"], "99.0");
    for (file, text) in [("broken.json", "{"), ("newer.json", "{\"schema\": 99, \"forge\": \"\", \"run\": \"\"}")] {
        new.file(file, text);
        let ran = new.run(&["report", &path, "--baseline", file]);
        assert_eq!(ran.code, Some(1), "{ran:#?}");
        ran.says(file);
    }
    assert_eq!(new.run(&["report", &path, "--baseline", ".state"]).code, Some(1));
}

#[cfg(feature = "aws")]
#[test]
fn a_machine_on_aws_tells_its_kernel_and_doors_too() {
    let lab = Lab::start();
    let workspace = lab.workspace("ami_name = \"inventory\"", "provisioner \"shell\" { inline = [\"true\"] }");
    let ran = workspace.build(&["-sbom", "boms"]);
    ran.says("Debian GNU/Linux 12 (bookworm): ");
    let path = workspace.path().join("boms/forge-amazon-ebs.web.cdx.json");
    assert!(validated(&[path.to_str().unwrap()]).contains(" components"));
    let document: Value = serde_json::from_str(&workspace.read("boms/forge-amazon-ebs.web.cdx.json")).unwrap();
    assert!(document.to_string().contains("pkg:deb/debian/openssh-server@"), "{document:#}");
    assert_eq!(document["metadata"]["component"]["type"], "platform");
    let kernel = &document["metadata"]["properties"][0];
    assert!(kernel["name"] == "forge:kernel" && !kernel["value"].as_str().unwrap().is_empty(), "{kernel}");
    // An instance that leaves no image is not looked at.
    let workspace =
        lab.workspace("ami_name = \"none\"\nskip_create_ami = true", "provisioner \"shell\" { inline = [\"true\"] }");
    workspace.build(&["-inventory"]).says_not("Taking the inventory");
}
