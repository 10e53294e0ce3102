//! `forge hcl2_upgrade`: a template of the old JSON format, written in the language beside it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::app::{self, Process};
use crate::cli::UpgradeArgs;
use crate::diagnostic::{Diagnostic, Style};
use crate::eval::interpolate::{Interpolation, Legacy};
use crate::exit_code::ExitCode;
use crate::front::Front;
use crate::secret::Redactor;
use crate::template::{PEER_VERSION, load};
use crate::upgrade::upgrade;

/// Writes the upgraded template and says where.
pub(crate) fn run(args: &UpgradeArgs, process: &Process, redactor: &Redactor) -> ExitCode {
    let mut front = Front::empty();
    let output = args.output_file.clone().unwrap_or_else(|| {
        let mut name = args.template.clone().into_os_string();
        name.push(".pkr.hcl");
        PathBuf::from(name)
    });
    let loaded = load(&args.template, &mut front.sources, &mut front.diagnostics);
    if loaded.as_ref().is_some_and(|(_, template)| template.legacy.is_none()) {
        let summary = format!("{} is no template of the old JSON format", args.template.display());
        front.diagnostics.push(Diagnostic::error(summary).help("there is nothing to upgrade"));
    }
    let raw = front.sources.first().map(str::to_owned).unwrap_or_default();
    if front.show(Style::Plain, process, redactor).is_some() {
        return ExitCode::Failed;
    }
    // It was read once already, so there is an object.
    let template: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&raw).unwrap_or_default();
    let engine = Interpolation {
        build_name: None,
        build_type: None,
        started: process.started,
        cwd: process.cwd.clone(),
        version: PEER_VERSION.to_owned(),
        frozen: false,
        legacy: Some(Arc::new(Legacy::default())),
    };
    let upgraded = upgrade(&template, &raw, &engine, args.with_annotations);
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let written = folder.map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&output, &upgraded.text));
    if let Err(error) = written {
        app::print(&format!("Error: {} cannot be written: {error}\n", output.display()));
        return ExitCode::Failed;
    }
    let unknown = !upgraded.unknown_builders.is_empty();
    if unknown {
        let names = upgraded.unknown_builders.join(", ");
        app::print(&format!("Warning: no table knows these builders, so their blocks are a guess: {names}\n"));
    }
    app::print(&format!("Successfully created {}. Exit {}\n", output.display(), u8::from(unknown)));
    if unknown { ExitCode::Failed } else { ExitCode::Success }
}
