//! `forge report`: the records of several runs as one, as Markdown or as a record.

use std::path::{Path, PathBuf};

use crate::app::{Process, print, print_json};
use crate::cli::ReportArgs;
use crate::exit_code::ExitCode;
use crate::report::record::SCHEMA;
use crate::report::{self, Jobs, Matrix, Record};

/// Prints the joined record. Fails when a build failed or left no record.
pub(crate) fn run(args: &ReportArgs, process: &Process) -> ExitCode {
    let expected = match &args.expect {
        None => Ok(None),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))
            .and_then(|text| Matrix::read(&text).map_err(|error| format!("{}: {error}", path.display())))
            .map(Some),
    };
    let paths: Vec<PathBuf> = args.records.iter().map(|path| process.cwd.join(path)).collect();
    let (expected, records) = match expected.and_then(|expected| Ok((expected, read(&paths)?))) {
        Ok(read) => read,
        Err(error) => {
            print(&format!("Error: {error}\n"));
            return ExitCode::Failed;
        }
    };
    if records.is_empty() && expected.is_none() {
        print("Error: there is no record in what was named, and no --expect says what should be there\n");
        return ExitCode::Failed;
    }
    let mut joined = report::join(records, Jobs { expected, ..Jobs::default() });
    match args.baseline.as_ref().map(|path| read_baseline(&process.cwd.join(path))).transpose() {
        Ok(baseline) => baseline.iter().for_each(|before| report::change::compare(&mut joined, before)),
        Err(error) => {
            print(&format!("Error: {error}\n"));
            return ExitCode::Failed;
        }
    }
    if args.json {
        print_json(&(serde_json::to_string_pretty(&joined).unwrap_or_default() + "\n"));
    } else {
        print(&report::summary(&joined));
    }
    verdict(&joined)
}

/// What the builds of a record come to.
pub(crate) fn verdict(record: &Record) -> ExitCode {
    let good = record.builds.iter().all(|build| build.state.is_good());
    match (record.leftovers.is_empty(), good && !record.has_mistakes()) {
        (false, _) => ExitCode::Leftovers,
        (true, true) => ExitCode::Success,
        (true, false) => ExitCode::Failed,
    }
}

/// Records in files, and in folders at any depth.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<Record>, String> {
    let mut records = Vec::new();
    for path in paths {
        if path.is_dir() {
            for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
                let entry = entry.map_err(|error| error.to_string())?;
                if entry.file_name() == "forge-record.json" {
                    records.push(read_file(entry.path())?);
                }
            }
        } else {
            records.push(read_file(path)?);
        }
    }
    Ok(records)
}

/// The record that others are compared with: a file, or those of several jobs in a folder.
pub(crate) fn read_baseline(path: &Path) -> Result<Record, String> {
    let mut records = read(&[path.to_owned()])?;
    match records.len() {
        0 => Err(format!("{}: there is no forge-record.json in it", path.display())),
        1 => Ok(records.remove(0)),
        _ => {
            let workflow = records.iter().find_map(|record| record.workflow.clone());
            Ok(report::join(records, Jobs { workflow, ..Jobs::default() }))
        }
    }
}

fn read_file(path: &Path) -> Result<Record, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))
}

/// A record of a newer form may say things that this program would leave out.
pub(crate) fn parse(bytes: &[u8]) -> Result<Record, String> {
    let mut record: Record =
        serde_json::from_slice(bytes).map_err(|error| format!("it is no record of forge: {error}"))?;
    if record.schema > SCHEMA {
        return Err(format!("its form {} is newer than this forge knows ({SCHEMA}): use a newer one", record.schema));
    }
    record.note_origin(bytes);
    Ok(record)
}
