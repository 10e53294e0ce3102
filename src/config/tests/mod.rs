//! The file as people write it, well and badly.

mod schema;

use std::path::Path;

use super::*;
use crate::diagnostic::{Style, render};

/// The configuration, or `line:column summary` of each mistake.
fn read_text(text: impl AsRef<[u8]>) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forge.yml");
    std::fs::write(&path, text).unwrap();
    let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let config = read(&path, &mut sources, &mut diagnostics);
    let line = |d: &Diagnostic| {
        render(d, &sources, Style::Plain);
        match d.span.map(|span| sources.position(span)) {
            Some(at) => format!("{}:{} {}", at.line, at.column, d.summary),
            None => d.summary.replace(&format!("{} ", path.display()), ""),
        }
    };
    let lines: Vec<String> = diagnostics.iter().map(line).collect();
    assert_eq!(config.is_some(), lines.is_empty(), "{lines:?}");
    config.ok_or(lines)
}

fn one(text: &str) -> Image {
    let config = read_text(text).unwrap();
    let [image] = &config.images[..] else { panic!("{config:?}") };
    image.clone()
}

#[track_caller]
fn mistakes(text: impl AsRef<[u8]>, expected: &[&str]) {
    assert_eq!(read_text(text).unwrap_err(), expected);
}

#[test]
fn an_image_has_all_that_is_said_of_it() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let example = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let config = read_text(example).unwrap();
    let [web, base] = &config.images[..] else { panic!("{config:?}") };
    assert_eq!((web.name.as_str(), web.template.to_str()), ("web", Some("images/web")));
    assert_eq!(
        web.vars,
        ["owner=platform", "tag=1.20", "packages=[\"nginx\", \"curl\"]", "labels={\"team\" = \"web\"}"]
    );
    assert_eq!(web.var_files, [PathBuf::from("images/prod.pkrvars.hcl")]);
    assert_eq!((&web.only, web.except.len(), &web.runs_on), (&vec!["docker.*".to_owned()], 0, &None));
    assert_eq!((web.on(EventClass::PullRequest), web.on(EventClass::Schedule)), (Do::Build, Do::Skip));
    assert_eq!(
        (base.name.as_str(), &base.vars, &base.except),
        ("base-22.04", &vec!["owner=platform".to_owned()], &vec!["*.test".to_owned()])
    );
    assert_eq!(base.runs_on, Some(serde_json::json!({"group": "large", "labels": ["self-hosted", "kvm"]})));
    assert_eq!((base.on(EventClass::PullRequest), base.on(EventClass::Schedule)), (Do::Validate, Do::Build));
}

#[test]
fn the_page_tells_every_event_and_its_default() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let image = one("images: {a: {template: t}}");
    for event in EventClass::ALL {
        let row = format!("| `{}` |", event.name());
        let row = text.lines().find(|line| line.starts_with(&row)).unwrap();
        assert!(row.ends_with(&format!("| `{}` |", event.default().name())), "{row}");
        assert_eq!(image.on(event), event.default());
        assert!(event.allows(event.default()));
    }
    for key in reader::KEYS.iter().chain(&reader::IMAGE_KEYS) {
        assert!(text.contains(&format!("`{key}`")), "{key}");
    }
}

#[test]
fn defaults_are_joined_or_replaced() {
    let image = one(concat!(
        "defaults:\n  vars: {a: 1, b: 2}\n  var-files: [x.hcl]\n  only: [x]\n  except: [y]\n  runs-on: big\n",
        "  on: {push: skip, tag: plan}\n",
        "images:\n  web:\n    template: ./t/\n    vars: {b: 3, c: 4}\n    var-files: []\n    except: [z]\n    on: {tag: build}\n",
    ));
    assert_eq!(image.vars, ["a=1", "b=3", "c=4"]);
    assert_eq!((image.var_files.len(), image.only, image.except), (0, vec!["x".to_owned()], vec!["z".to_owned()]));
    assert_eq!((image.runs_on, image.template), (Some("big".into()), PathBuf::from("t")));
    let on = |event| image.on.of(event);
    assert_eq!((on(EventClass::Push), on(EventClass::Tag), on(EventClass::Fork)), (Do::Skip, Do::Build, Do::Validate));
}

#[test]
fn values_reach_the_template_as_they_are_written() {
    let image = one(concat!(
        "images:\n  a:\n    template: t\n    vars:\n",
        "      version: 1.20\n      zip: 01234\n      yes: yes\n      hex: 0x1F\n      empty: ''\n      word: ---\n",
        "      text: |\n        one\n        two\n",
        "      list: [1, \"1\", 1.50, true, yes, null, 0x1F, 01, 1e3, 18446744073709551615, -1]\n",
        "      deep: {a b: [{}], \"${x}\": \"%{y} \\\" \\n $${z}\"}\n",
        "      none: []\n      same: &same [x]\n      again: *same\n",
    ));
    assert_eq!(
        image.vars,
        [
            "version=1.20",
            "zip=01234",
            "yes=yes",
            "hex=0x1F",
            "empty=",
            "word=---",
            "text=one\ntwo\n",
            "list=[1, \"1\", 1.5, true, \"yes\", null, 31, \"01\", 1000, 18446744073709551615, -1]",
            "deep={\"a b\" = [{}], \"$${x}\" = \"%%{y} \\\" \\n $$${z}\"}",
            "none=[]",
            "same=[\"x\"]",
            "again=[\"x\"]",
        ]
    );
    mistakes(
        "images: {a: {template: t, vars: {x: , y: ~, z: [.inf]}}}",
        &[
            "1:34 variable \"x\" has no value",
            "1:42 variable \"y\" has no value",
            "1:49 .inf is no number of the template language",
        ],
    );
}

/// The expression means in the template's language what was written in YAML.
#[test]
fn expressions_are_the_template_languages_own() {
    let image = one("images: {a: {template: t, vars: {x: [\"${a} %{b} $${c} \\\\ \\\" é\\t\\u0001\", {k: 1.5}]}}}");
    let (_, text) = image.vars[0].split_once('=').unwrap();
    let expression = hcl_edit::parser::parse_expr(text).unwrap();
    let text = "${a} %{b} $${c} \\ \" é\t\u{1}";
    let hcl_edit::expr::Expression::Array(items) = expression else { panic!() };
    let first = items.iter().next().unwrap().as_str().map(str::to_owned);
    assert_eq!(first.as_deref(), Some(text), "{items:?}");
}

#[test]
fn runners_are_told_in_each_form() {
    for (written, read) in [
        ("x", serde_json::json!("x")),
        ("[a, \"1\"]", serde_json::json!(["a", "1"])),
        ("{group: g}", serde_json::json!({"group": "g"})),
        ("{labels: l}", serde_json::json!({"labels": "l"})),
        ("{labels: [l], group: g}", serde_json::json!({"labels": ["l"], "group": "g"})),
    ] {
        let image = one(&format!("images: {{a: {{template: t, runs-on: {written}}}}}"));
        assert_eq!(image.runs_on, Some(read));
    }
    for (written, told) in [
        ("3", "\"runs-on\" must be a text"),
        ("[]", "\"runs-on\" names no runner"),
        ("{}", "\"runs-on\" names no runner"),
        ("[[a]]", "an entry of \"runs-on\" must be a text"),
        ("{groop: g}", "unknown key \"groop\" in \"runs-on\""),
        ("{labels: []}", "\"labels\" names no runner"),
        ("", "\"runs-on\" must be a text"),
    ] {
        let told_now = read_text(format!("images: {{a: {{template: t, runs-on: {written}}}}}")).unwrap_err();
        assert!(told_now.len() == 1 && told_now[0].ends_with(told), "{told_now:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_their_places() {
    let text = "\
version: 2
defalts: {}
defaults:
  template: x
  on: { puhs: build, push: biuld, fork: build, tag: publsh, release: preview, branch: 1 }
images:
  web:
    template: /etc
    vars: { 1x: 1, ok: 2 }
    var-files: ../x
    only: [\"a[\", 3]
  web: { template: t }
  \"-é\": { template: a/../../b }
  db: images/db
  bare:
  last: { template: , excpet: [], vars: [] }
";
    mistakes(
        text,
        &[
            "12:3 \"web\" is given twice",
            "2:1 unknown key \"defalts\" in the file",
            "1:10 \"version\" must be 1",
            "4:3 unknown key \"template\" in \"defaults\"",
            "5:9 unknown key \"puhs\" in \"on\"",
            "5:28 unknown command \"biuld\"",
            "5:41 pull requests from forks cannot be set to \"build\"",
            "5:53 unknown command \"publsh\"",
            "5:70 \"release\" cannot be set to \"preview\"",
            "5:87 \"branch\" must be a text",
            "8:15 path \"/etc\" is absolute",
            "9:13 \"1x\" cannot be the name of a variable",
            "10:16 \"var-files\" must be a list",
            "11:18 an entry of \"only\" must be a text",
            "11:12 \"a[\" is not a pattern",
            "13:3 \"-é\" cannot be the name of an image",
            "13:21 path \"a/../../b\" leads out of the repository",
            "14:7 image \"db\" must be a mapping (key: value)",
            "15:3 image \"bare\" must be a mapping (key: value)",
            "16:23 unknown key \"excpet\" in image \"last\"",
            "16:11 \"template\" must be a text",
            "16:41 \"vars\" must be a mapping (key: value)",
        ],
    );
}

#[test]
fn mistakes_show_their_line_and_a_way_out() {
    let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forge.yml");
    std::fs::write(&path, "images:\n  web: { templete: é }\n").unwrap();
    assert!(read(&path, &mut sources, &mut diagnostics).is_none());
    let text: String = diagnostics.iter().map(|d| render(d, &sources, Style::Plain) + "\n").collect();
    for part in
        ["forge.yml:2:10", "  web: { templete: é }", "did you mean \"template\"?", "image \"web\" has no template"]
    {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn what_is_no_configuration_is_refused() {
    mistakes("", &["1:1 the file is empty"]);
    mistakes("# only\n", &["1:1 the file is empty"]);
    mistakes("- a\n", &["1:1 the file must be a mapping (key: value)"]);
    mistakes("version: 1\n", &["1:1 the file has no \"images\""]);
    mistakes("images: {}\n", &["1:9 \"images\" is empty"]);
    mistakes("images:\n", &["1:1 \"images\" must be a mapping (key: value)"]);
    mistakes("images: [a]\n", &["1:9 \"images\" must be a mapping (key: value)"]);
    mistakes("images: {a: {template: t}}\n---\nimages: {}\n", &["2:1 a second document begins here"]);
    mistakes(
        "images:\n  a:\n  <<: {template: t}\n  b: {<<: {}, template: t}\n",
        &[
            "3:3 merge keys are not supported",
            "4:7 merge keys are not supported",
            "2:3 image \"a\" must be a mapping (key: value)",
        ],
    );
    mistakes("images: {a: {template: !!str t}}\n", &["1:24 tags are not supported"]);
    mistakes("images: {[a]: {template: t}, b: {template: t}}\n", &["1:10 a key must be a single word"]);
    mistakes("images: {a: {template: t, template: u}}\n", &["1:27 \"template\" is given twice"]);
    mistakes(b"images: {a: {template: t}}\n# \0", &["2:3 the file holds a NUL character"]);
    mistakes(b"images:\n  \xff", &["is not UTF-8 text: bad byte in line 2"]);
    mistakes("images: {a: {template: \"x\\0y\"}}", &["1:24 \"template\" holds a control character"]);
    mistakes("images: &a {a: *a}", &["1:16 an alias stands inside of its own value"]);
    mistakes(vec![b'#'; LARGEST as usize + 1], &["is larger than 1 MiB"]);
    for (text, line) in [
        ("images:\n\ta: 1\n", 2),
        ("images: {a\n", 2),
        ("images: *x\n", 1),
        ("a: \"b\nc", 1),
        ("a: b: c\n", 1),
        ("%YAML 3\n", 1),
    ] {
        let told = read_text(text).unwrap_err();
        assert!(
            told.len() == 1 && told[0].starts_with(&format!("{line}:")) && told[0].ends_with("this is not YAML"),
            "{text:?}: {told:?}"
        );
    }
}

#[test]
fn marks_and_line_ends_of_other_systems_are_no_mistake() {
    let image = one("\u{feff}# é\r\nimages:\r\n  web:\r\n    template: t\r\n");
    assert_eq!((image.name.as_str(), image.template.to_str()), ("web", Some("t")));
    mistakes(
        "\u{feff}# é😀\r\nimages:\r\n  é😀: 1\r\n",
        &["3:3 \"é😀\" cannot be the name of an image", "3:7 image \"é😀\" must be a mapping (key: value)"],
    );
}

#[test]
fn hostile_files_end_soon() {
    let begun = std::time::Instant::now();
    let billion: String = (1..20).map(|n| format!("a{n}: &a{n} [{}]\n", format!("*a{},", n - 1).repeat(9))).collect();
    for text in [
        "[".repeat(1 << 20),
        "{a: ".repeat(1 << 18),
        "- ".repeat(1 << 19),
        "? ".repeat(1 << 19),
        format!("a0: &a0 x\n{billion}"),
        (0..90_000).map(|n| format!("k{n}: 1\n")).collect(),
        "a\n".repeat(1 << 19),
        "- a\n".repeat(1 << 18),
        format!("{}: 1", "a".repeat(900)),
        "x".repeat(1 << 20),
        format!("images: {{a: {{template: {}}}}}", "é/".repeat(1 << 18)),
        "&a ".repeat(1 << 18),
        "!!x ".repeat(1 << 18),
    ] {
        let told = read_text(&text).map(|_| ());
        assert!(begun.elapsed().as_secs() < 60, "{}: {told:?}", &text[..20]);
        if let Err(told) = told {
            assert!(told.len() <= 102, "{}", told.len());
        }
    }
}

#[test]
fn mutations_of_a_good_file_never_panic() {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md")).unwrap();
    let example = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap().as_bytes();
    let pieces = [
        &b"&a "[..],
        b"*a",
        b"<<: ",
        b"\t",
        b"- ",
        b": ",
        b"? ",
        b"|\n",
        b">-\n",
        b"\0",
        b"\r",
        "é".as_bytes(),
        b"{",
        b"]",
        b"!!str ",
        b"\n---\n",
        b"\"",
        b"'",
        b"#",
        b"%",
    ];
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..1500 {
        let mut bytes = example.to_vec();
        for _ in 0..random.random_range(1..5) {
            let at = random.random_range(0..bytes.len());
            let end = random.random_range(at..bytes.len().min(at + 30));
            match random.random_range(0..3) {
                0 => drop(bytes.drain(at..end)),
                1 => drop(bytes.splice(at..at, pieces[random.random_range(0..pieces.len())].iter().copied())),
                _ => bytes[at] = random.random(),
            }
        }
        let _ = read_text(&bytes);
    }
}

#[test]
fn files_that_are_not_there_are_told_where_they_were_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("forge.yml");
    std::fs::write(
        &path,
        "defaults: {var-files: [no.hcl]}\nimages:\n  a: {template: forge.yml}\n  b: {template: no}\n",
    )
    .unwrap();
    let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let config = read(&path, &mut sources, &mut diagnostics).unwrap();
    config.images.iter().for_each(|image| image.check_files(folder.path(), &mut diagnostics));
    let lines: Vec<usize> = diagnostics.iter().map(|d| sources.position(d.span.unwrap()).line).collect();
    assert_eq!(lines, [1, 4], "that of both images is told once");
}

/// Key and what is done by default, of the rows of the table that begins so.
fn defaults_in(file: &str, head: &str, key: usize, what: usize) -> Vec<(String, String)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.split_once(head).unwrap().1.lines().skip(2).take_while(|line| line.starts_with('|'));
    let quoted = |row: &str, column: usize| row.split('|').nth(column).unwrap().split('`').nth(1).unwrap().to_owned();
    rows.map(|row| (quoted(row, key), quoted(row, what))).collect()
}

#[test]
fn the_tables_of_events_say_what_is_done() {
    let mut expected: Vec<_> =
        EventClass::ALL.iter().map(|class| (class.name().to_owned(), class.default().name().to_owned())).collect();
    expected.sort();
    for (file, head, key, what) in [
        ("docs/github.md", "| event | key | what is done |", 2, 3),
        ("docs/configuration.md", "| key | event | default |", 1, 3),
    ] {
        let mut told = defaults_in(file, head, key, what);
        told.sort();
        assert_eq!(told, expected, "{file}");
    }
}

#[test]
fn what_is_said_of_publishing_joins_the_defaults() {
    let config = read_text(
        "\
defaults:
  publish:
    repositories: [ghcr.io/org/all]
    regions: [eu-west-1]
    image-tags: { Team: a, Version: '{version}' }
    attestation: { required: false, trusted-root: roots.jsonl, signer-workflow: org/a/.github/workflows/a.yml }
images:
  web:
    template: t
    on: { manual: publish }
    publish:
      repositories: [ghcr.io/org/web, 127.0.0.1:5000/web]
      tags: [version, latest, latest]
      users: ['123456789012']
      groups: [all]
      organizations: ['arn:aws:organizations::123456789012:organization/o-1', 'arn:aws:organizations::123456789012:ou/o-1/ou-2']
      image-tags: { Team: b }
      deprecate-after: 90d
      ssm-parameter: /forge/{image}/{channel}
      without-record: build
      failed-runs: accept
      wait-for-build: 2h
      tag-prefix: web-
  vouched: { template: t, publish: { attestation: { required: true, signer-workflow: [org/b/.github/workflows/*@refs/heads/main] } } }
  other: { template: t }
",
    )
    .unwrap();
    let [web, vouched, other] = &config.images[..] else { panic!() };
    let publish = &web.publish;
    assert_eq!(publish.repositories.as_ref().unwrap(), &["ghcr.io/org/web", "127.0.0.1:5000/web"]);
    assert_eq!(publish.names(), [Name::Version, Name::Latest]);
    assert_eq!(publish.regions.as_ref().unwrap(), &["eu-west-1"]);
    assert_eq!((publish.image_tags["Team"].as_str(), publish.image_tags["Version"].as_str()), ("b", "{version}"));
    assert_eq!((publish.deprecate_after, publish.without_record), (Some(90), Some(WithoutRecord::Build)));
    assert_eq!((publish.failed_runs, publish.tag_prefix.as_deref()), (Some(FailedRuns::Accept), Some("web-")));
    assert_eq!(publish.wait_for_build, Some(std::time::Duration::from_secs(7200)));
    assert_eq!((web.on(EventClass::Manual), web.on(EventClass::Tag)), (Do::Publish, Do::Publish));
    assert_eq!(other.publish.repositories.as_ref().unwrap(), &["ghcr.io/org/all"]);
    assert_eq!(other.publish.names(), [Name::Version, Name::Minor, Name::Major, Name::Latest]);
    let attestation = &vouched.publish.attestation;
    let signers: Vec<String> = attestation.signers.iter().flatten().map(ToString::to_string).collect();
    assert_eq!(signers, ["org/b/.github/workflows/*@refs/heads/main"]);
    assert_eq!(attestation.trusted_root.as_deref(), Some(std::path::Path::new("roots.jsonl")));
    assert!(attestation.is_required() && !other.publish.attestation.is_required());
    let alone = read_text("images: {a: {template: t, publish: {attestation: {trusted-root: r}}}}").unwrap();
    assert!(alone.images[0].publish.attestation.is_required(), "whoever says what it must be wants one");
    let over = "defaults: {publish: {attestation: {required: false}}}\n\
                images: {a: {template: t, publish: {attestation: {trusted-root: r}}}, b: {template: t}}";
    let images = read_text(over).unwrap().images;
    let required: Vec<bool> = images.iter().map(|image| image.publish.attestation.is_required()).collect();
    assert_eq!(required, [true, false], "also where the others need none");
    assert_eq!((other.publish.without_record, other.on(EventClass::Manual)), (None, Do::Build));
}

#[test]
fn mistakes_in_publishing_are_told_at_their_places() {
    for (written, told) in [
        ("x", "\"publish\" must be a mapping (key: value)"),
        ("{repository: [a]}", "unknown key \"repository\" in \"publish\""),
        ("{repositories: x}", "\"repositories\" must be a list"),
        ("{repositories: ['ghcr.io/org/web:1']}", "\"ghcr.io/org/web:1\" is not the name of a repository"),
        ("{repositories: [ghcr.io/Org/web]}", "\"ghcr.io/Org/web\" is not the name of a repository"),
        ("{tags: [version, patch]}", "unknown tag \"patch\""),
        ("{tags: []}", "\"tags\" is empty"),
        ("{regions: [ireland]}", "\"ireland\" is not a region of AWS"),
        ("{users: [123456789012]}", "an entry of \"users\" must be a text"),
        ("{users: ['1234']}", "\"1234\" is not the number of an account"),
        ("{groups: [everybody]}", "\"everybody\" is not a group"),
        ("{organizations: [o-1]}", "\"o-1\" is not the ARN of an organization"),
        ("{image-tags: {'forge:run': x}}", "\"forge:run\" cannot be set here"),
        ("{image-tags: {a: '{versoin}'}}", "\"{versoin}\" has braces without a meaning"),
        ("{deprecate-after: 90}", "\"deprecate-after\" must be a text"),
        ("{deprecate-after: 12h}", "\"12h\" is not a number of days"),
        ("{ssm-parameter: forge/web}", "\"forge/web\" cannot be the name of a parameter"),
        ("{ssm-parameter: '/forge/{tag}'}", "\"/forge/{tag}\" has braces without a meaning"),
        ("{without-record: biuld}", "\"without-record\" is \"biuld\""),
        ("{failed-runs: acept}", "\"failed-runs\" is \"acept\""),
        ("{wait-for-build: soon}", "\"soon\" is not a length of time"),
        ("{tag-prefix: 'a b'}", "\"a b\" cannot begin a tag"),
        ("{attestation: true}", "\"attestation\" must be a mapping (key: value)"),
        ("{attestation: {}}", "\"attestation\" is empty"),
        ("{attestation: {requierd: true}}", "unknown key \"requierd\" in \"attestation\""),
        ("{attestation: {required: 'yes'}}", "\"required\" must be true or false"),
        ("{attestation: {signer-workflow: build.yml}}", "\"build.yml\" is not a workflow"),
        ("{attestation: {signer-workflow: []}}", "\"signer-workflow\" is empty"),
        ("{attestation: {trusted-root: ../roots}}", "path \"../roots\" leads out of the repository"),
        ("{attestation: {issuer: 'http://x'}}", "\"http://x\" is not the address of an issuer"),
        (
            "{attestation: {required: true}, without-record: build}",
            "\"without-record\" is \"build\", and an attestation is required",
        ),
    ] {
        let told_now = read_text(format!("images: {{a: {{template: t, publish: {written}}}}}")).unwrap_err();
        assert!(told_now.len() == 1 && told_now[0].ends_with(told), "{told_now:?}");
    }
    // What an image and the defaults say together.
    let both = |defaults: &str, image: &str| {
        read_text(format!("defaults: {{publish: {defaults}}}\nimages: {{a: {{template: t, publish: {image}}}}}"))
    };
    let (build, vouched) = ("{without-record: build}", "{attestation: {required: true}}");
    for (defaults, image) in [(build, vouched), (vouched, build)] {
        let told = both(defaults, image).unwrap_err();
        assert!(told.len() == 1 && told[0].contains("image \"a\": \"without-record\" is \"build\""), "{told:?}");
    }
    assert!(both(build, "{without-record: refuse, attestation: {required: true}}").is_ok());
    assert!(both(vouched, "{without-record: build, attestation: {required: false}}").is_ok());
    let told = read_text("images: {a: {template: t, on: {push: publish}}}").unwrap_err();
    assert!(told[0].ends_with("\"push\" cannot be set to \"publish\""), "{told:?}");
}
