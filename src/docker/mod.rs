//! What the docker builder and the docker post-processors have in common: logins, changes, kinds of artifacts.

pub(crate) mod changes;
pub(crate) mod login;

use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;

/// Post-processors take an artifact by the id of who made it: a committed image passes as an imported one.
pub(crate) const IMPORT_ID: &str = "packer.post-processor.docker-import";
/// Label of an image whose value is the digest over everything that decided it.
pub(crate) const INPUTS_LABEL: &str = "forge.inputs";
pub(crate) const BUILDER_ID: &str = "packer.docker";

/// The engine's API is spoken, so there is no program to choose.
pub(crate) fn docker_path(fields: &mut Fields<'_>) {
    let Some(path) = fields.text("docker_path") else { return };
    let program = path.rsplit('/').next().unwrap_or_default();
    if program != "docker" && !program.is_empty() {
        let warning = Diagnostic::warning(format!("\"docker_path\" is not used: {path:?} is never started"))
            .at_some(fields.span_of("docker_path"))
            .detail("the engine's API is used instead")
            .help("to use another engine, such as Podman, set DOCKER_HOST to the address of its socket");
        fields.push(warning);
    }
}

/// Reads the list `changes`, with an error for each line that a commit or an import refuses.
pub(crate) fn decode_changes(fields: &mut Fields<'_>) -> Vec<String> {
    let lines = fields.texts("changes").unwrap_or_default();
    if !fields.is_unknown("changes") {
        for line in &lines {
            if let Err(reason) = changes::check(line) {
                fields.error_at("changes", format!("a change cannot be made: {line:?}"), reason);
            }
        }
    }
    lines
}
