//! Answers of machines, good and bad.

use std::time::Duration;

use super::*;
use crate::communicator::{Answer, Cut};

fn read_bytes(bytes: &[u8], cut: Option<Cut>) -> Inventory {
    read::inventory(&Answer { bytes: bytes.to_vec(), cut }, "MARK", Duration::from_secs(20))
}

fn read(text: &str) -> Inventory {
    read_bytes(text.as_bytes(), None)
}

/// An answer with nothing in it but those parts.
fn with(parts: &str) -> String {
    format!(
        "\nMARK system\nID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n\nMARK uname\nx86_64\n\n\
         MARK kernel\n\nMARK users\nroot:x:0:0:root:/root:/bin/bash\n\nMARK services\n\nMARK python\n{parts}\nMARK end\n"
    )
}

fn packages(inventory: &Inventory) -> Vec<String> {
    let line = |p: &Package| format!("{} {} {} {}", p.manager.name(), p.name, p.version, p.architecture);
    inventory.packages.iter().map(|package| line(package).trim_end().to_owned()).collect()
}

#[test]
fn each_manager_has_its_form() {
    let text = with(
        "requests-2.31.0.dist-info\nsix-1.16.0-py3.11.egg-info\nodd.txt\n\nMARK ruby\nrack-2.2.3.gemspec\n\
         nokogiri-1.15.0-x86_64-linux.gemspec\nnet-http2-0.18.gemspec\n\nMARK node\n\
         /usr/lib/node_modules/npm/package.json:  \"version\": \"10.2.0\",\n\
         /usr/lib/node_modules/@a/b/package.json:  \"version\": \"1.0.0\",\n\nMARK dpkg\n\
         Package: nginx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.22.1-9\n\n\
         Package: old\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
         Package: held\nStatus: hold ok half-configured\nArchitecture: all\nVersion: 1:2\nPackage: broken\n\n\
         MARK apk\nP:busybox\nV:1.36.1-r5\nA:x86_64\n\nP:musl\nV:1.2.4\nA:x86_64\n\nMARK pacman\n\
         N bash\nV 5.2.26-1\nA x86_64\nN zlib\nV 1:1.3-1\nA any\n\nMARK rpm\nbash\t(none)\t5.2-1.fc40\tx86_64\n\
         openssl\t1\t3.2-1.fc40\tx86_64\ngpg-pubkey\t(none)\ta-b\t(none)\nnonsense\n",
    );
    let inventory = read(&text);
    assert_eq!(
        packages(&inventory),
        [
            "dpkg held 1:2 all",
            "dpkg nginx 1.22.1-9 amd64",
            "rpm bash 5.2-1.fc40 x86_64",
            "rpm openssl 1:3.2-1.fc40 x86_64",
            "apk busybox 1.36.1-r5 x86_64",
            "apk musl 1.2.4 x86_64",
            "pacman bash 5.2.26-1 x86_64",
            "pacman zlib 1:1.3-1 any",
            "python requests 2.31.0",
            "python six 1.16.0",
            "node @a/b 1.0.0",
            "node npm 10.2.0",
            "ruby net-http2 0.18",
            "ruby nokogiri 1.15.0 x86_64-linux",
            "ruby rack 2.2.3",
        ]
    );
    assert_eq!(inventory.system.name, "Debian GNU/Linux 12 (bookworm)");
    assert_eq!((inventory.users.len(), inventory.users[0].shell.as_str()), (1, "/bin/bash"));
    let missing = Missing { part: "dpkg".to_owned(), why: "1 entries cannot be read".to_owned(), partly: true };
    assert_eq!(inventory.missing, [missing]);
}

#[test]
fn what_is_not_there_is_told() {
    let inventory = read(&with("\nMARK dpkg\ngarbage\n\nMARK rpm\n\nMARK ! no program rpm\n"));
    let missing: Vec<_> = inventory.missing.iter().map(|m| (m.part.as_str(), m.why.as_str(), m.partly)).collect();
    let dpkg = ("dpkg", "its database has no package that can be read", false);
    assert_eq!(missing, [dpkg, ("rpm", "no program rpm", false)]);
    assert_eq!(inventory.lacks("dpkg"), Some(dpkg.1));
    assert_eq!(inventory.lacks("users"), None);
    let nothing = read("sh: not found\n");
    assert_eq!(nothing.missing[0].part, CONTENTS);
    assert_eq!(nothing.lacks("dpkg"), Some("the machine's answer broke off"));
}

#[test]
fn an_answer_that_was_cut_keeps_what_came() {
    let text = with("\nMARK dpkg\nPackage: a\nVersion: 1\n\n\nMARK rpm\n").replace("\nMARK end\n", "");
    let inventory = read_bytes(text.as_bytes(), Some(Cut::TooLate));
    assert_eq!(packages(&inventory), ["dpkg a 1"]);
    let missing: Vec<_> = inventory.missing.iter().map(|m| (m.part.as_str(), m.why.as_str())).collect();
    assert_eq!(missing, [("rpm", "there was no answer within 20 s")]);
    // Half a package is none.
    let text = with("\nMARK dpkg\nPackage: a\nVersion: 1\n\nPackage: b\nVersion: 1").replace("\nMARK end\n", "");
    let inventory = read_bytes(text.as_bytes(), Some(Cut::TooLong));
    assert_eq!(packages(&inventory), ["dpkg a 1"]);
    assert!(inventory.lacks("dpkg").is_some() && inventory.lacks("rpm").is_some(), "{:?}", inventory.missing);
}

#[test]
fn no_guest_gets_beyond_its_lines() {
    let long = "x".repeat(10_000);
    let text = format!(
        "Package: {long}\nVersion: \u{1b}[31m1\n\nPackage: @everyone\nVersion: ::error::x\n\nNOMARK end\nPackage: MARK end\nVersion: 2\n"
    );
    let mut bytes = with("\nMARK dpkg\n").replace("\nMARK end\n", "").into_bytes();
    bytes.extend(text.as_bytes());
    bytes.extend(b"\n\nPackage: \xff\xfe\0\nVersion: 3\n\n\nMARK end\n");
    let inventory = read_bytes(&bytes, None);
    let names: Vec<&str> = inventory.packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["@everyone", "MARK end", &long[..256], "\u{fffd}\u{fffd}\u{fffd}"]);
    assert!(inventory.packages.iter().all(|package| !package.version.contains('\u{1b}')));
    assert_eq!(inventory.missing, []);
}

#[test]
fn a_document_names_image_system_and_packages() {
    let mut inventory =
        read(&with("Foo_Bar-1.dist-info\nfoo_bar-1.dist-info\n\nMARK dpkg\nPackage: a\nVersion: 1\n\n"));
    inventory.missing.push(Missing { part: "rpm".to_owned(), why: "no rpm".to_owned(), partly: false });
    let subject = cyclonedx::Subject {
        name: "docker.web",
        version: "sha256:ab",
        pushed: Some(("localhost:5000/octo/Web:1", "sha256:cd")),
        is_container: true,
        run: "r",
        made: Some("2026-01-01T00:00:00.000Z".to_owned()),
        forge: "0.1.0",
    };
    let document = cyclonedx::document(&subject, &inventory);
    assert_eq!(document, cyclonedx::document(&subject, &inventory));
    let other = cyclonedx::Subject { run: "s", ..subject };
    assert_ne!(document["serialNumber"], cyclonedx::document(&other, &inventory)["serialNumber"]);
    let image = &document["metadata"]["component"];
    let url = "pkg:oci/web@sha256:cd?repository_url=localhost:5000/octo/Web&tag=1";
    assert_eq!((image["type"].as_str(), image["purl"].as_str()), (Some("container"), Some(url)));
    let components = document["components"].as_array().unwrap();
    let urls: Vec<_> = components.iter().map(|c| c["purl"].as_str().unwrap_or_default()).collect();
    assert_eq!(urls, ["", "pkg:deb/debian/a@1?distro=debian-12", "pkg:pypi/foo-bar@1"]);
    assert!(document["metadata"]["properties"].to_string().contains("rpm: no rpm"), "{document:#}");
}
