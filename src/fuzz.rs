//! Mutated templates through everything that reads them: no panic, no hang, no growth without end.
//!
//! The corpus is `tests/conformance`; what once failed is kept in `tests/fuzz` and is tried first. A few seconds of it
//! run with all tests; `FORGE_FUZZ_SECONDS=600 cargo test --release --lib fuzz -- --nocapture` runs it in earnest.
//! `FORGE_FUZZ_SEED` repeats a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::client::Services;
use crate::diagnostic::{self, Diagnostics, SourceMap, Style};
use crate::eval::interpolate::{Interpolation, Legacy, data};
use crate::formatter::format;
use crate::plan::{Context, Selection, plan};
use crate::resolve::{Environment, Wanted, resolve, user_variables};
use crate::run::inputs::Places;
use crate::secret::Redactor;
use crate::template::load;
use crate::template::variable_files::{Checks, Given};

/// No template of the corpus's size takes this long, however mutated, even without optimisation.
const LIMIT: Duration = Duration::from_secs(10);

/// Pieces that the grammars are made of, good places to break them.
const PIECES: [&str; 48] = [
    "${",
    "%{",
    "}",
    "{",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "\\",
    "\n",
    "<<EOT\n",
    "<<-EOT\n",
    "EOT\n",
    "~}",
    "...",
    "=>",
    "*",
    ".*",
    "[*]",
    "for x in ",
    " if ",
    "%{ for x in y }",
    "%{ endfor }",
    "dynamic \"provisioner\" {",
    "null",
    "true",
    "1e999999",
    "99999999999999999999",
    "-",
    "!",
    "==",
    "&&",
    "?",
    ":",
    ",",
    "=",
    "{{",
    "}}",
    "{{ range 1000000 }}",
    "{{ end }}",
    "\u{feff}",
    "\0",
    "é",
    "var.",
    "local.",
    "$${",
    "range(1000000000)",
];

fn engine(legacy: bool) -> Interpolation {
    Interpolation {
        build_name: Some("b".to_owned()),
        build_type: Some("null".to_owned()),
        started: SystemTime::UNIX_EPOCH,
        cwd: PathBuf::from("/nowhere"),
        version: "1".to_owned(),
        frozen: false,
        legacy: legacy.then(|| Arc::new(Legacy { environment: Some([].into()), ..Legacy::default() })),
    }
}

/// Everything that is done with a template before anything is built. Nobody is asked for data or secrets.
async fn read(path: &Path) -> (SourceMap, Diagnostics) {
    let (mut sources, mut diagnostics) = (SourceMap::new(), Diagnostics::new());
    let cwd = path.parent().unwrap().to_owned();
    let mut environment = Environment {
        cwd: cwd.clone(),
        started: SystemTime::now(),
        given: Given::default(),
        secrets: None,
        services: Arc::default(),
        frozen: false,
        outputs: None,
    };
    let redactor = Redactor::default();
    if let Some((input, template)) = load(path, &mut sources, &mut diagnostics) {
        let legacy = user_variables(&template, &environment, &[], &redactor, &mut sources, &mut diagnostics);
        environment.given.checks = Checks::MayLack;
        let wanted = Wanted::all(&template).unread();
        let scope =
            resolve((&template, &input), &wanted, &environment, &redactor, &mut sources, &mut diagnostics).await;
        let services = Arc::new(Services::default());
        let places = Places::new(&cwd);
        let cx = Context {
            sources: &sources,
            services: &services,
            cwd: &cwd,
            started: environment.started,
            legacy,
            frozen: Some(&places),
        };
        plan(&template, &scope, &Selection::default(), &cx, &mut diagnostics);
    }
    (sources, diagnostics)
}

/// One text through all doors; panics are the finding.
fn try_out(name: &str, text: &[u8], folder: &Path, runtime: &tokio::runtime::Runtime) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    let (sources, diagnostics) = runtime.block_on(read(&path));
    for diagnostic in diagnostics.iter() {
        diagnostic::render(diagnostic, &sources, Style::Plain);
        diagnostic::annotation(diagnostic, &sources, Path::new(""));
    }
    diagnostic::json(&diagnostics, &sources);
    let Ok(text) = std::str::from_utf8(text) else { return };
    if !diagnostics.has_errors() && name.ends_with(".hcl") {
        let once = format(text);
        assert_eq!(format(&once), once, "fmt is not stable");
    }
    for legacy in [false, true] {
        let engine = engine(legacy);
        let _ = engine.render(text, &data([("Vars", "A=1"), ("Path", "/tmp/x")]));
        let _ = engine.rewrite(text, &mut |word, _| Some(Ok(word.to_owned())));
    }
    if let Ok(mut template) = serde_json::from_str(text) {
        crate::fix::fix(&mut template);
        crate::upgrade::upgrade(&template, text, &engine(true), true);
    }
}

fn mutated(corpus: &[(String, Vec<u8>)], random: &mut StdRng) -> (String, Vec<u8>) {
    let (name, text) = &corpus[random.random_range(0..corpus.len())];
    let mut text = text.clone();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=text.len());
        let end = random.random_range(at..=text.len().min(at + 40));
        match random.random_range(0..7) {
            0 => drop(text.drain(at..end)),
            1 => drop(text.splice(at..at, PIECES[random.random_range(0..PIECES.len())].bytes())),
            2 => drop(text.splice(at..end, PIECES[random.random_range(0..PIECES.len())].bytes())),
            3 if at < text.len() => text[at] = random.random(),
            4 => {
                let piece = text[at..end].to_vec();
                text.splice(at..at, piece.repeat(random.random_range(1..20)));
            }
            5 => {
                let (_, other) = &corpus[random.random_range(0..corpus.len())];
                let from = random.random_range(0..=other.len());
                let to = random.random_range(from..=other.len().min(from + 200));
                text.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let piece = PIECES[random.random_range(0..PIECES.len())];
                text.splice(at..at, piece.repeat(random.random_range(1..300)).bytes());
            }
        }
    }
    (name.clone(), text)
}

fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<(String, Vec<u8>)> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "hcl" || e == "json"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[test]
fn fuzz() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let lasting = Duration::from_secs(number("FORGE_FUZZ_SECONDS").unwrap_or(3));
    let seed = number("FORGE_FUZZ_SEED").unwrap_or_else(rand::random);
    let mut random = StdRng::seed_from_u64(seed);
    let corpus = files("tests/conformance");
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let mut tried = 0_u64;
    // The parser and the evaluator are recursive: they get what the program gives them.
    let work = std::thread::Builder::new().stack_size(crate::STACK).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut old = files("tests/fuzz").into_iter();
        while begun.elapsed() < lasting || old.len() > 0 {
            let (name, text) = old.next().unwrap_or_else(|| mutated(&corpus, &mut random));
            // What fails is found here: panics end the test before it is removed.
            let kept = std::env::temp_dir().join(format!("forge-fuzz-{}-{name}", std::process::id()));
            std::fs::write(&kept, &text).unwrap();
            let one = Instant::now();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                try_out(&name, &text, folder.path(), &runtime);
            }));
            assert!(result.is_ok() && one.elapsed() < LIMIT, "seed {seed}: {} ({:?})", kept.display(), one.elapsed());
            std::fs::remove_file(&kept).unwrap();
            tried += 1;
        }
        tried
    });
    let tried = work.unwrap().join().expect("no panic, no hang");
    assert!(tried > 20, "{tried}");
    println!("{tried} texts, seed {seed}");
}
