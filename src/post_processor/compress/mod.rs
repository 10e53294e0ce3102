//! Post-processor `compress`: packs the artifact's files into an archive, or compresses its single file.

mod archive;
mod bgzf;
mod encoder;
mod format;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use format::{Archive, Compression, Format};

use super::{InPreview, PostProcessError, PostProcessor, Processed};
use crate::client::Services;
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, over};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cleanup::Resource;
use crate::run::output_file::{OutputError, OutputFile, blocking};
use crate::run::preview::Preview;

struct Compress {
    /// Rendered when the build is known.
    output: String,
    /// Endings that count besides those of `output`.
    format: String,
    /// From 1 to 9; nothing for the format's own default.
    level: Option<u32>,
    /// Of the build.
    facts: BTreeMap<String, String>,
    interpolation: Interpolation,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn PostProcessor>> {
    Some(Box::new(Compress::decode(fields)?))
}

impl Compress {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let seen = fields.facts_and(["BuildName", "BuilderType"]);
        let output = fields.template("output", seen.as_ref()).filter(|output| !output.is_empty());
        let output = output.unwrap_or_else(|| "packer_{{.BuildName}}_{{.BuilderType}}".to_owned());
        let format = fields.text("format").unwrap_or_default();
        let level = fields.integer("compression_level").unwrap_or(-1);
        if !fields.is_unknown("format")
            && let Some(ending) = format.split('.').find(|ending| !ending.is_empty() && !format::is_known(ending))
        {
            let detail = format!("known are {}", format::NAMES.join(", "));
            fields.error_at("format", format!("\"{ending}\" is not a format"), detail);
            return None;
        }
        let level = match level {
            -1 | 0 => None,
            1..=9 => u32::try_from(level).ok(),
            _ => {
                fields.error_at("compression_level", "\"compression_level\" is out of range", "it is from 0 to 9");
                return None;
            }
        };
        let compression = Format::of(&output, &format).compression;
        if level.is_some() && matches!(compression, Compression::None | Compression::Lz4) {
            let diagnostic = Diagnostic::warning("\"compression_level\" has no effect with this output");
            let detail = format!("{} has no levels", compression.name());
            fields.push(diagnostic.at_some(fields.span_of("compression_level")).detail(detail));
        }
        Some(Self { output, format, level, facts: fields.facts(), interpolation: fields.interpolation().clone() })
    }
}

#[async_trait]
impl PostProcessor for Compress {
    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::Runs
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        let data = over(&self.facts, [("BuildName", &*cx.source_name), ("BuilderType", &cx.builder_type)]);
        let output = self.interpolation.render(&self.output, &data);
        let output = output.map_err(|error| PostProcessError::Failed(format!("output: {error}")))?;
        let format = Format::of(&output, &self.format);
        check(&input.files, &output, format, cx)?;
        let name = format.compression.name();
        if format.compression != Compression::None {
            cx.say(format!("Using {name} compression for {output}"));
        }
        match (format.archive, input.files.first()) {
            (Archive::Tar, _) => cx.say(format!("Tarring {output} with {name}")),
            (Archive::Zip, _) => cx.say(format!("Zipping {output}")),
            (Archive::None, file) => {
                let file = file.map(|file| file.display().to_string()).unwrap_or_default();
                cx.say(format!("Archiving {file} with {name}"));
            }
        }
        let (files, level, target) = (input.files.clone(), self.level, cx.run.cwd.join(&output));
        blocking(cx, move |cx, _| pack(&files, &target, format, level, cx)).await?;
        cx.say(format!("Archive {output} completed"));

        let description = format!("compressed artifacts in: {output}");
        let mut artifact = Artifact::new("packer.post-processor.compress", "", description);
        artifact.facts.clone_from(&input.facts);
        artifact.resources.push(Resource::File { path: cx.run.cwd.join(&output) });
        artifact.files.push(PathBuf::from(output));
        Ok(Processed { artifact: Some(artifact), keep_input: false, force_keep: false })
    }
}

/// Refuses what would lose data: the input goes away once it is in the archive.
fn check(files: &[PathBuf], output: &str, format: Format, cx: &BuildContext) -> Result<(), PostProcessError> {
    if files.is_empty() {
        return Err(PostProcessError::Failed("the artifact has no files to compress".to_owned()));
    }
    if format.archive == Archive::None && files.len() > 1 {
        let list: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        return Err(PostProcessError::Failed(format!(
            "Can only have 1 input file when not using tar/zip. Found {} files: {}",
            files.len(),
            list.join(" ")
        )));
    }
    let real = |path: &Path| std::fs::canonicalize(cx.run.cwd.join(path)).ok();
    let target = real(Path::new(output));
    if target.is_some() && files.iter().any(|file| real(file) == target) {
        return Err(PostProcessError::Failed(format!("the output {output} is one of the files to compress")));
    }
    Ok(())
}

fn pack(
    files: &[PathBuf],
    target: &Path,
    format: Format,
    level: Option<u32>,
    cx: &BuildContext,
) -> Result<(), OutputError> {
    let mut output = OutputFile::create(target, cx)?;
    let file = output.file().try_clone().map_err(|error| OutputError::file("write", target, error))?;
    match format.archive {
        Archive::Zip => archive::zip(files, file, level, cx)?,
        Archive::Tar | Archive::None => {
            let mut encoder = encoder::Encoder::new(file, format.compression, level)
                .map_err(|error| OutputError::file("write", target, error))?;
            match format.archive {
                Archive::Tar => archive::tar(files, &mut encoder, cx)?,
                _ => files.iter().try_for_each(|file| archive::copy(file, &mut encoder, cx))?,
            }
            encoder.finish().map_err(|error| OutputError::file("write", target, error))?;
        }
    }
    output.commit()
}
