//! What must vouch for an image, and where that is looked for, as the flags of `forge publish` and the environment say.

use crate::app::Process;
use crate::attestation::bundles;
use crate::cli::AttestationArgs;
use crate::client::github::{Address, Identity, Repository};
use crate::config::Attestation;
use crate::publish::{Evidence, Source, Subject};
use crate::secret::Redactor;

/// Flags win over what the file says.
pub(super) fn settle(args: &AttestationArgs, settings: &mut Attestation) {
    let asked = args.require_attestation
        || !args.signer_workflow.is_empty()
        || args.trusted_root.is_some()
        || !args.attestation_bundle.is_empty()
        || args.source_repository.is_some();
    if asked {
        settings.required = Some(true);
    }
    if !args.signer_workflow.is_empty() {
        settings.signers = Some(args.signer_workflow.clone());
    }
    settings.trusted_root = args.trusted_root.clone().or_else(|| settings.trusted_root.take());
}

/// The repository on GitHub that publishes, `owner/name`.
pub(super) fn publisher(process: &Process) -> Option<String> {
    process.var("GITHUB_REPOSITORY").map(str::to_owned)
}

/// Looks for nothing where no image needs it.
pub(super) async fn evidence(
    args: &AttestationArgs,
    subjects: &[Subject],
    process: &Process,
    redactor: &Redactor,
) -> Result<Evidence, String> {
    let needed = subjects.iter().any(|subject| subject.settings.attestation.is_required());
    let source = if needed { source(args, process, redactor).await? } else { Source::Given(Vec::new()) };
    let server = process.var("GITHUB_SERVER_URL").unwrap_or("https://github.com").to_owned();
    let repository = repository(args, process);
    Ok(Evidence { source, server, repository, commit: None, folder: process.cwd.clone() })
}

/// The one that images are built of.
fn repository(args: &AttestationArgs, process: &Process) -> Option<String> {
    args.source_repository.clone().or_else(|| publisher(process))
}

async fn source(args: &AttestationArgs, process: &Process, redactor: &Redactor) -> Result<Source, String> {
    if !args.attestation_bundle.is_empty() {
        let mut given = Vec::new();
        for path in &args.attestation_bundle {
            let text = std::fs::read_to_string(process.cwd.join(path));
            let text = text.map_err(|error| format!("{}: {error}", path.display()))?;
            given.extend(bundles(&text).map_err(|error| format!("{}: {error}", path.display()))?);
        }
        return Ok(Source::Given(given));
    }
    let token = process.var("GITHUB_TOKEN").or_else(|| process.var("GH_TOKEN"));
    let repository = repository(args, process);
    let (Some(token), Some((owner, name))) = (token, repository.as_deref().and_then(|name| name.split_once('/')))
    else {
        let advice = "GitHub cannot be asked: set GITHUB_TOKEN and name the repository (--source-repository), or give \
                      files with --attestation-bundle";
        return Ok(Source::Nowhere(advice.to_owned()));
    };
    let api = process.var("GITHUB_API_URL").unwrap_or("https://api.github.com").to_owned();
    let graphql = process.var("GITHUB_GRAPHQL_URL").unwrap_or("https://api.github.com/graphql").to_owned();
    let address = Address { api, graphql, owner: owner.to_owned(), name: name.to_owned() };
    let connected = Repository::connect(address, Identity::Token(token.to_owned()), redactor).await;
    connected.map(|github| Source::Github(Box::new(github))).map_err(|error| error.to_string())
}
