//! Records of anything, for tests of what is made of them.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use regex::Regex;

use super::{
    Baseline, Build, Change, Difference, Image, Inputs, Leftover, Moved, Note, Place, Record, Source, Stamp, State,
    Step, Workflow,
};
use crate::inventory::{Manager, Package};
use crate::run::event::StepKind;

/// What people, guests and attackers write.
const PIECES: [&str; 30] = [
    "```",
    "````\n",
    "\n```text\n",
    "<details>",
    "</details>",
    "\n</details>\n",
    "@everyone",
    "@a/b",
    "#12",
    "GH-3",
    "https://evil.example/x",
    "www.evil.example",
    "a@b.cd",
    "6113728f27ae82",
    "octo/images@6113728f27ae82",
    "|",
    "\n",
    "\r\n",
    "\u{202e}",
    "\u{1b}[31m",
    "-->",
    "<!--",
    "&lt;",
    "\\",
    "👩‍👩‍👧",
    "é\u{301}",
    "[x](http://y)",
    "![",
    "| --- |\n",
    "~~~\n",
];

/// A record; the same for the same seed.
pub(crate) fn record(seed: u64) -> Record {
    let mut rng = StdRng::seed_from_u64(seed);
    let builds = *[0, 1, 3, 60, 300].choose(&mut rng).unwrap_or(&1);
    let (regions, steps) = (rng.random_range(0..40), rng.random_range(0..30));
    let rng = &mut rng;
    let workflow = Workflow {
        repository: "octo/images".to_owned(),
        workflow: text(rng),
        event: text(rng),
        run_id: seed,
        attempt: 1,
        sha: Some("b".repeat(40)),
        url: "https://github.com/octo/images/actions/runs/1".to_owned(),
        ..Workflow::default()
    };
    Record {
        seconds: Some(1.5),
        workflow: Some(workflow),
        inputs: Inputs { templates: vec!["images".to_owned()], ..Inputs::default() },
        builds: (0..builds).map(|_| build(rng, regions, steps)).collect(),
        notes: (0..rng.random_range(0..40)).map(|_| note(rng)).collect(),
        leftovers: (0..rng.random_range(0..5)).map(|_| Leftover { resource: text(rng), error: text(rng) }).collect(),
        ..Record::default()
    }
}

fn text(rng: &mut StdRng) -> String {
    let mut text = String::new();
    for _ in 0..rng.random_range(0..12) {
        match rng.random_range(0..4) {
            0 => text.extend((0..rng.random_range(0..8)).map(|_| rng.random::<char>())),
            1 => text.push_str(&"long ".repeat(rng.random_range(0..40))),
            _ => text.push_str(PIECES.choose(rng).unwrap_or(&"x")),
        }
    }
    text
}

fn some(rng: &mut StdRng) -> Option<String> {
    rng.random_bool(0.5).then(|| text(rng))
}

fn state(rng: &mut StdRng) -> State {
    *[State::Succeeded, State::Failed, State::Cancelled, State::Missing].choose(rng).unwrap_or(&State::Failed)
}

fn build(rng: &mut StdRng, regions: usize, steps: usize) -> Build {
    Build {
        name: format!("null.{}", text(rng)),
        builder: text(rng),
        state: state(rng),
        error: some(rng),
        source: some(rng).map(|id| Source { id, name: some(rng) }),
        seconds: rng.random_range(0.0..1e5),
        steps: (0..steps).map(|_| step(rng)).collect(),
        tail: (0..rng.random_range(0..40)).map(|_| text(rng)).collect(),
        images: (0..regions).map(|_| image(rng)).collect(),
        change: rng.random_bool(0.5).then(|| change(rng)),
        held_back: (0..rng.random_range(0..30)).map(|_| text(rng)).collect(),
        ..Build::default()
    }
}

fn change(rng: &mut StdRng) -> Change {
    let source = |rng: &mut StdRng| some(rng).map(|id| Source { id, name: some(rng) });
    Change {
        baseline: Baseline { run: text(rng), sha: some(rng), url: some(rng), started: None },
        source: rng.random_bool(0.5).then(|| (source(rng), source(rng))),
        added: (0..many(rng)).map(|_| package(rng)).collect(),
        removed: (0..many(rng)).map(|_| package(rng)).collect(),
        upgraded: (0..many(rng)).map(|_| Moved { package: package(rng), from: text(rng) }).collect(),
        downgraded: (0..many(rng)).map(|_| Moved { package: package(rng), from: text(rng) }).collect(),
        contents: (0..many(rng)).map(|_| difference(rng)).collect(),
        inputs: (0..many(rng)).map(|_| difference(rng)).collect(),
        size: rng.random_bool(0.5).then(|| (rng.random_range(0..1 << 40), rng.random_range(0..1 << 40))),
        seconds: rng.random_bool(0.5).then(|| (rng.random_range(0.0..1e5), rng.random_range(0.0..1e5))),
        unknown: (0..rng.random_range(0..4)).map(|_| text(rng)).collect(),
    }
}

fn many(rng: &mut StdRng) -> usize {
    *[0, 1, 5, 150].choose(rng).unwrap_or(&1)
}

fn package(rng: &mut StdRng) -> Package {
    Package { manager: Manager::Dpkg, name: text(rng), version: text(rng), architecture: text(rng) }
}

fn difference(rng: &mut StdRng) -> Difference {
    Difference { name: text(rng), old: some(rng), new: some(rng) }
}

fn step(rng: &mut StdRng) -> Step {
    Step {
        kind: StepKind::Provisioner,
        component: text(rng),
        name: some(rng),
        place: some(rng),
        state: state(rng),
        started: rng.random_bool(0.5).then(|| Stamp(std::time::UNIX_EPOCH + std::time::Duration::from_secs(86_400))),
        seconds: rng.random_range(0.0..1e5),
        error: some(rng),
        tail: (0..rng.random_range(0..40)).map(|_| text(rng)).collect(),
    }
}

fn image(rng: &mut StdRng) -> Image {
    Image {
        build: text(rng),
        builder: text(rng),
        id: format!("ami-{}", text(rng)),
        location: some(rng),
        tags: vec![text(rng)],
        digest: None,
        digests: (0..rng.random_range(0..3)).map(|_| (text(rng), text(rng))).collect(),
    }
}

fn note(rng: &mut StdRng) -> Note {
    let place = Place { path: text(rng), line: 1, end_line: 2, column: 3, end_column: 4 };
    Note {
        error: rng.random_bool(0.8),
        place: rng.random_bool(0.5).then_some(place),
        summary: text(rng),
        detail: some(rng),
    }
}

/// The text is whole Markdown with nothing foreign in it that works, of at most so many bytes.
#[track_caller]
pub(crate) fn assert_whole(text: &str, bytes: usize) {
    assert!(text.len() <= bytes, "{} bytes", text.len());
    let code = Regex::new("<code>.*?</code>").expect("it is one");
    let references = Regex::new(r"(?i)\b(gh-\d|[0-9a-f]{7,40}\b)|#\d+[^;\d]").expect("it is one");
    let (mut fence, mut folds) = (String::new(), 0usize);
    for line in text.lines() {
        let ticks = line.len() - line.trim_start_matches('`').len();
        if !fence.is_empty() {
            if ticks >= fence.len() && line.len() == ticks {
                fence.clear();
            }
            continue;
        }
        if ticks >= 3 {
            fence = "`".repeat(ticks);
            continue;
        }
        folds += line.matches("<details>").count();
        folds = folds.checked_sub(line.matches("</details>").count()).unwrap_or_else(|| panic!("{line}"));
        if line.starts_with("<!-- forge-action") {
            assert!(line.ends_with(" -->") && line.matches("--").count() == 2, "{line}");
            continue;
        }
        let ours = line.replace("<a href=\"https://github.com/", "");
        for live in ["@", "](", "://", "www.", "<!--", "<img", "\u{202e}"] {
            assert!(!ours.contains(live), "{live:?} in {line}");
        }
        // GitHub looks for no references in code.
        let found = references.find(&code.replace_all(&ours, "")).map(|found| found.as_str().to_owned());
        assert_eq!(found, None, "in {line}");
    }
    assert_eq!((fence.as_str(), folds), ("", 0), "{text}");
}
