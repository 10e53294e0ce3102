//! Package URLs: the names by which databases of weaknesses know packages.

use std::fmt::Write as _;

use super::{Manager, Package, System};

/// Of a package in a system.
pub(super) fn of(package: &Package, system: &System) -> String {
    let Package { manager, name, version, architecture } = package;
    let (kind, namespace, name) = match manager {
        Manager::Dpkg => ("deb", owner(system, "debian"), name.clone()),
        Manager::Rpm => ("rpm", owner(system, "rpm"), name.clone()),
        Manager::Apk => ("apk", owner(system, "alpine"), name.clone()),
        Manager::Pacman => ("alpm", owner(system, "arch"), name.clone()),
        Manager::Python => ("pypi", String::new(), name.to_lowercase().replace('_', "-")),
        Manager::Ruby => ("gem", String::new(), name.clone()),
        Manager::Node => match name.split_once('/') {
            Some((scope, name)) => ("npm", scope.to_owned(), name.to_owned()),
            None => ("npm", String::new(), name.clone()),
        },
    };
    let of_system = matches!(manager, Manager::Dpkg | Manager::Rpm | Manager::Apk | Manager::Pacman);
    // The epoch is part of Debian's version, and stands beside that of rpm.
    let (epoch, version) = match version.split_once(':') {
        Some((epoch, version)) if *manager == Manager::Rpm => (epoch, version),
        _ => ("", version.as_str()),
    };
    let distribution = match (of_system, system.version.as_str()) {
        (false, _) => String::new(),
        (true, "") => system.id.clone(),
        (true, version) => format!("{}-{version}", system.id),
    };
    let platform = if of_system { "arch" } else { "platform" };
    let mut url = format!("pkg:{kind}/");
    if !namespace.is_empty() {
        url.push_str(&format!("{}/", encoded(&namespace)));
    }
    url.push_str(&format!("{}@{}", encoded(&name), encoded(version)));
    let mut mark = '?';
    // In the order of their names.
    for (key, value) in [(platform, architecture.as_str()), ("distro", distribution.as_str()), ("epoch", epoch)] {
        if !value.is_empty() {
            let _ = write!(url, "{mark}{key}={}", encoded(value));
            mark = '&';
        }
    }
    url
}

fn owner(system: &System, otherwise: &str) -> String {
    if system.id.is_empty() { otherwise.to_owned() } else { system.id.to_lowercase() }
}

/// All but letters, digits and `.-_~:` as `%` and two digits.
pub(super) fn encoded(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            safe.push(char::from(byte));
        } else {
            let _ = write!(safe, "%{byte:02X}");
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_the_names_that_others_know_them_by() {
        let system =
            |id: &str, version: &str| System { id: id.to_owned(), version: version.to_owned(), ..System::default() };
        let debian = system("debian", "12");
        for (manager, name, version, architecture, system, expected) in [
            (Manager::Dpkg, "nginx", "1.2", "amd64", &debian, "pkg:deb/debian/nginx@1.2?arch=amd64&distro=debian-12"),
            (
                Manager::Dpkg,
                "libstdc++6",
                "1:12.2~a+b",
                "amd64",
                &debian,
                "pkg:deb/debian/libstdc%2B%2B6@1:12.2~a%2Bb?arch=amd64&distro=debian-12",
            ),
            (
                Manager::Rpm,
                "bash",
                "1:5.2-1.fc40",
                "x86_64",
                &system("fedora", "40"),
                "pkg:rpm/fedora/bash@5.2-1.fc40?arch=x86_64&distro=fedora-40&epoch=1",
            ),
            (
                Manager::Apk,
                "busybox",
                "1.36-r5",
                "x86_64",
                &system("alpine", "3.20.1"),
                "pkg:apk/alpine/busybox@1.36-r5?arch=x86_64&distro=alpine-3.20.1",
            ),
            (
                Manager::Pacman,
                "bash",
                "5.2-1",
                "any",
                &system("arch", ""),
                "pkg:alpm/arch/bash@5.2-1?arch=any&distro=arch",
            ),
            (Manager::Python, "Foo_bar", "1.0", "", &debian, "pkg:pypi/foo-bar@1.0"),
            (Manager::Node, "@babel/core", "7.0.0", "", &debian, "pkg:npm/%40babel/core@7.0.0"),
            (Manager::Ruby, "nokogiri", "1.15", "x86_64-linux", &debian, "pkg:gem/nokogiri@1.15?platform=x86_64-linux"),
            (Manager::Ruby, "a b/<\u{202e}", "?&#", "", &debian, "pkg:gem/a%20b%2F%3C%E2%80%AE@%3F%26%23"),
        ] {
            let package = Package {
                manager,
                name: name.to_owned(),
                version: version.to_owned(),
                architecture: architecture.to_owned(),
            };
            assert_eq!(of(&package, system), expected);
        }
    }
}
