//! What is found between two builds, and how it is said.

use std::time::Instant;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::words::verdict;
use super::*;
use crate::inventory::{ImageConfig, Manager, Missing, Package, User};
use crate::report::markdown::Page;
use crate::report::record::{Moved, Source, random};

fn package(line: &str) -> Package {
    let words: Vec<&str> = line.split(' ').collect();
    let manager = if line.contains(".el9") { Manager::Rpm } else { Manager::Dpkg };
    Package {
        manager,
        name: words[0].to_owned(),
        version: words[1].to_owned(),
        architecture: words.get(2).copied().unwrap_or_default().to_owned(),
    }
}

fn build(packages: &[&str]) -> Build {
    let inventory = Inventory { packages: packages.iter().map(|line| package(line)).collect(), ..Inventory::default() };
    Build { name: "docker.web".to_owned(), inventory: Some(inventory), ..Build::default() }
}

/// `+name version`, `-name version`, `^name from to`, `vname from to`.
fn found(old: &[&str], new: &[&str]) -> Vec<String> {
    let change = between(&build(old), &build(new), Baseline::default());
    let one =
        |sign: char, p: &Package| format!("{sign}{} {} {}", p.name, p.version, p.architecture).trim_end().to_owned();
    let moved = |sign: char, m: &Moved| format!("{sign}{} {} {}", m.package.name, m.from, m.package.version);
    let mut lines: Vec<String> = change.added.iter().map(|p| one('+', p)).collect();
    lines.extend(change.removed.iter().map(|p| one('-', p)));
    lines.extend(change.upgraded.iter().map(|m| moved('^', m)));
    lines.extend(change.downgraded.iter().map(|m| moved('v', m)));
    lines
}

#[test]
fn packages_come_go_and_move() {
    for (old, new, expected) in [
        (
            &["a 1", "b 1:1", "c 2~rc1", "d 1"][..],
            &["b 2", "c 2", "d 1", "e 5"][..],
            &["+e 5", "-a 1", "^c 2~rc1 2", "vb 1:1 2"][..],
        ),
        // The same library for two architectures.
        (&["libc 1 amd64", "libc 1 i386"], &["libc 2 amd64", "libc 2 i386"], &["^libc 1 2", "^libc 1 2"]),
        (&["libc 1 amd64"], &["libc 2 amd64", "libc 2 i386"], &["+libc 2 i386", "^libc 1 2"]),
        // Kernels stand side by side: the oldest goes as the newest comes.
        (
            &["kernel 5.1.el9 x", "kernel 5.2.el9 x"],
            &["kernel 5.2.el9 x", "kernel 5.3.el9 x"],
            &["+kernel 5.3.el9 x", "-kernel 5.1.el9 x"],
        ),
        (&["kernel 5.1.el9 x"], &["kernel 5.1.el9 x", "kernel 5.3.el9 x"], &["+kernel 5.3.el9 x"]),
        // What was for one architecture is for all.
        (&["tool 1 amd64"], &["tool 2 all"], &["^tool 1 2"]),
        (&["tool 1 amd64"], &["tool 1 all"], &["+tool 1 all", "-tool 1 amd64"]),
        (&["a 1", "a 1"], &["a 1"], &[]),
        (&[], &[], &[]),
    ] {
        assert_eq!(found(old, new), expected, "{old:?} {new:?}");
    }
}

#[test]
fn what_one_of_them_does_not_tell_is_not_compared() {
    let missing = |part: &str, partly| Missing { part: part.to_owned(), why: "hung".to_owned(), partly };
    let (old, mut new) = (build(&["a 1", "k 1.el9"]), build(&[]));
    new.inventory.as_mut().unwrap().missing = vec![missing("rpm", false), missing("users", false)];
    let mut with_user = old.clone();
    with_user.inventory.as_mut().unwrap().users =
        vec![User { name: "u".to_owned(), id: 1, home: "/".to_owned(), shell: "/".to_owned() }];
    let change = between(&with_user, &new, Baseline::default());
    assert_eq!((change.removed.len(), change.contents.len()), (1, 0), "{change:#?}");
    assert_eq!(change.unknown, ["rpm (now): hung", "users (now): hung"]);
    new.inventory.as_mut().unwrap().missing = vec![missing("contents", false)];
    let change = between(&with_user, &new, Baseline::default());
    assert_eq!((change.removed.len(), change.contents.len()), (0, 0), "{change:#?}");
    // Where there was nothing to compare, that is all there is to say.
    let sized = Change { size: Some((1, 1)), ..change.clone() };
    assert_eq!((verdict(&change).as_str(), verdict(&sized).as_str()), ("contents (now): hung", "no change found"));
    let change = between(&old, &Build::default(), Baseline::default());
    assert_eq!(change.unknown, ["contents: the image has no inventory"]);
}

#[test]
fn contents_inputs_source_and_size_are_compared() {
    let input = |name: &str, value: Option<&str>, digest: Option<&str>| Input {
        name: name.to_owned(),
        value: value.map(str::to_owned),
        digest: digest.map(str::to_owned),
    };
    let image = |command: &str, variable: &str| ImageConfig {
        command: vec![command.to_owned()],
        variables: vec![variable.to_owned()],
        ..ImageConfig::default()
    };
    let mut old = build(&[]);
    old.source = Some(Source { id: "ami-1".to_owned(), name: None });
    (old.size, old.seconds) = (Some(100 << 20), 100.0);
    old.inputs = vec![
        input("inline", Some("a"), Some("1")),
        input("inline", Some("b"), Some("2")),
        input("password", None, None),
        input("file x", None, Some("0123456789abcdef")),
    ];
    let mut new = old.clone();
    new.source = Some(Source { id: "ami-2".to_owned(), name: None });
    (new.size, new.seconds) = (Some((104 << 20) + 210_000), 88.0);
    new.inputs[1] = input("inline", Some("c"), Some("3"));
    new.inputs.pop();
    let inventory = |services: &[&str], image| Inventory {
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        image: Some(image),
        ..Inventory::default()
    };
    old.inventory = Some(inventory(&["a.service", "b.service"], image("x", "PATH")));
    new.inventory = Some(inventory(&["b.service", "c.service"], image("y", "HOME")));
    let change = between(&old, &new, Baseline::default());
    let lines = |list: &[Difference]| -> Vec<String> {
        let part = |text: &Option<String>| text.clone().unwrap_or_default();
        list.iter().map(|d| format!("{}|{}|{}", d.name, part(&d.old), part(&d.new))).collect()
    };
    assert_eq!(
        lines(&change.contents),
        [
            "service a.service|enabled|",
            "service c.service||enabled",
            "command|[\"x\"]|[\"y\"]",
            "variable HOME||set",
            "variable PATH|set|"
        ]
    );
    assert_eq!(lines(&change.inputs), ["inline|b|c", "file x|sha256:0123456789ab|"]);
    assert_eq!(verdict(&change), "source image moved, 5 settings changed, 2 inputs changed, +4.2 MiB, 12s faster");
    assert_eq!(verdict(&between(&old, &old, Baseline::default())), "no change");
}

#[test]
fn builds_are_compared_with_those_of_their_name() {
    let mut record =
        Record { builds: vec![build(&["a 2"]), Build { name: "new".to_owned(), ..build(&[]) }], ..Record::default() };
    let before = Record { run: "r".to_owned(), builds: vec![build(&["a 1"])], ..Record::default() };
    compare(&mut record, &before);
    assert_eq!(record.builds[0].change.as_ref().map(verdict).as_deref(), Some("1 package upgraded"));
    assert_eq!(
        (record.builds[0].change.as_ref().unwrap().baseline.run.as_str(), &record.builds[1].change),
        ("r", &None)
    );
    // It comes through where records are joined.
    let joined = crate::report::join(vec![record.clone()], crate::report::Jobs::default());
    assert_eq!(joined.builds, record.builds);
    let mut page = Page::default();
    section(&mut page, &joined);
    let text = page.render(60_000, "");
    for part in [
        "#### What changes in the images\n\n- <code>docker.web</code>: 1 package upgraded\n",
        "| <code>a</code> dpkg | <code>1</code> | <code>2</code> |\n",
        "<details><summary><code>docker.web</code>: 1 package</summary>",
        "Compared with the images of run <code>r</code>",
    ] {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn long_lists_end_and_say_how_long_they_are() {
    let lines: Vec<String> = (0..5000).map(|number| format!("p{number} 1")).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut new = build(&lines);
    new.held_back = vec!["docker-push".to_owned(); 25];
    new.change = Some(between(&build(&[]), &new, Baseline::default()));
    let mut page = Page::default();
    section(&mut page, &Record { builds: vec![new], ..Record::default() });
    let text = page.render(60_000, "");
    random::assert_whole(&text, 20_000);
    assert!(text.contains("5000 packages added") && text.contains("\nand 4900 more\n"), "{text}");
    assert!(
        text.contains("Not done in a preview: <code>docker-push</code>, ") && text.contains(", and 5 more\n"),
        "{text}"
    );
}

/// Applying what was found to the old list gives the new one, whatever they hold.
#[test]
fn nothing_is_lost_and_nothing_is_made_up() {
    let mut rng = StdRng::seed_from_u64(3);
    for _ in 0..500 {
        let mut list = || -> Vec<Package> {
            let mut list: Vec<Package> = (0..rng.random_range(0..12))
                .map(|_| {
                    let (name, version) = (rng.random_range(0..5), rng.random_range(0..3));
                    package(&format!("p{name} {version} {}", ["amd64", "i386", "all"][rng.random_range(0..3)]))
                })
                .collect();
            list.sort();
            list.dedup();
            list
        };
        let (old, new) = (list(), list());
        let of = |packages: &[Package]| Build {
            inventory: Some(Inventory { packages: packages.to_vec(), ..Inventory::default() }),
            ..Build::default()
        };
        let change = between(&of(&old), &of(&new), Baseline::default());
        let mut names: Vec<(String, String)> = old.iter().map(|p| (p.name.clone(), p.version.clone())).collect();
        let mut take = |name: &str, version: &str| {
            let at = names.iter().position(|pair| (pair.0.as_str(), pair.1.as_str()) == (name, version));
            names.remove(at.unwrap_or_else(|| panic!("{name} {version} was not there: {change:#?}")));
        };
        change.removed.iter().for_each(|p| take(&p.name, &p.version));
        let moves = || change.upgraded.iter().chain(&change.downgraded);
        moves().for_each(|moved| take(&moved.package.name, &moved.from));
        names.extend(
            change.added.iter().chain(moves().map(|moved| &moved.package)).map(|p| (p.name.clone(), p.version.clone())),
        );
        names.sort();
        let mut expected: Vec<(String, String)> = new.iter().map(|p| (p.name.clone(), p.version.clone())).collect();
        expected.sort();
        assert_eq!(names, expected, "{old:#?} {new:#?}");
    }
}

/// `script/bench-inventory` prints how long it takes.
#[test]
fn fifty_thousand_packages_are_compared() {
    let list = |version: u32| -> Inventory {
        let one =
            |number: u32| package(&format!("package-{number} 1:{}.{}-1 amd64", number % 7, version * (number % 5)));
        Inventory { packages: (0..50_000).map(one).collect(), ..Inventory::default() }
    };
    let (old, new) = (list(1), list(2));
    let of = |inventory: Inventory| Build { inventory: Some(inventory), ..Build::default() };
    let (old, new) = (of(old), of(new));
    let begun = Instant::now();
    let change = between(&old, &new, Baseline::default());
    println!("50,000 packages beside 50,000: {} ms", begun.elapsed().as_millis());
    assert_eq!(change.upgraded.len(), 40_000);
}
