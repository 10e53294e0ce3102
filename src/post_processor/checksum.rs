//! Post-processor `checksum`: writes the checksums of the artifact's files to files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sha2::digest::DynDigest;

use super::{InPreview, PostProcessError, PostProcessor, Processed, base_name};
use crate::client::Services;
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, over};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::cancel::Cancelled;
use crate::run::cleanup::Resource;
use crate::run::output_file::{OutputError, blocking, update};
use crate::run::preview::Preview;

const TYPES: [&str; 6] = ["md5", "sha1", "sha224", "sha256", "sha384", "sha512"];

/// Bytes read at once.
const CHUNK: usize = 1 << 20;

struct Checksum {
    /// Without doubles, in the template's order.
    types: Vec<&'static str>,
    /// Rendered for each type.
    output: String,
    /// Of the build.
    facts: BTreeMap<String, String>,
    interpolation: Interpolation,
}

/// A line of a checksum file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    hex: String,
    name: String,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn PostProcessor>> {
    Some(Box::new(Checksum::decode(fields)?))
}

impl Checksum {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let asked = fields.texts("checksum_types").filter(|types| !types.is_empty());
        let seen = fields.facts_and(["BuildName", "BuilderType", "ChecksumType"]);
        let output = fields.template("output", seen.as_ref()).filter(|output| !output.is_empty());
        let mut types = Vec::new();
        for name in asked.unwrap_or_else(|| vec!["md5".to_owned()]) {
            match TYPES.into_iter().find(|known| *known == name) {
                Some(known) if !types.contains(&known) => types.push(known),
                None if !fields.is_unknown("checksum_types") => {
                    let detail = format!("known are {}", TYPES.join(", "));
                    fields.error_at("checksum_types", format!("\"{name}\" is not a checksum type"), detail);
                    return None;
                }
                _ => {}
            }
        }
        let default = "packer_{{.BuildName}}_{{.BuilderType}}_{{.ChecksumType}}.checksum";
        Some(Self {
            types,
            output: output.unwrap_or_else(|| default.to_owned()),
            facts: fields.facts(),
            interpolation: fields.interpolation().clone(),
        })
    }

    fn output(&self, kind: &str, cx: &BuildContext) -> Result<PathBuf, PostProcessError> {
        let own = [("BuildName", &*cx.source_name), ("BuilderType", &cx.builder_type), ("ChecksumType", kind)];
        let data = over(&self.facts, own);
        let path = self.interpolation.render(&self.output, &data);
        path.map(PathBuf::from).map_err(|error| PostProcessError::Failed(format!("output: {error}")))
    }
}

#[async_trait]
impl PostProcessor for Checksum {
    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::Runs
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        if input.files.is_empty() {
            cx.warn("The artifact has no files, so there are no checksums to write.");
            return Ok(Processed::passing(input));
        }
        let (files, types) = (input.files.clone(), self.types.clone());
        let sums = blocking(cx, move |cx, _| files.iter().map(|file| sums(file, &types, cx)).collect());
        let sums: Vec<Vec<String>> = sums.await?;
        // Types may share a file; each type's lines stand together, as in the peer.
        let mut outputs: Vec<(PathBuf, Vec<Line>)> = Vec::new();
        for (index, kind) in self.types.iter().enumerate() {
            let output = self.output(kind, cx)?;
            let line =
                |(file, sums): (&PathBuf, &Vec<String>)| Line { hex: sums[index].clone(), name: base_name(file) };
            let lines: Vec<Line> = input.files.iter().zip(&sums).map(line).collect();
            match outputs.iter_mut().find(|(path, _)| *path == output) {
                Some((_, known)) => known.extend(lines),
                None => outputs.push((output, lines)),
            }
        }
        let mut artifact = input.clone();
        "packer.post-processor.checksum".clone_into(&mut artifact.builder_id);
        artifact.id = String::new();
        for (output, lines) in outputs {
            let path = cx.run.cwd.join(&output);
            update(&path, cx, move |old| Ok(merged(&old.unwrap_or_default(), &lines))).await?;
            artifact.resources.push(Resource::File { path });
            if !artifact.files.contains(&output) {
                artifact.files.push(output);
            }
        }
        artifact.describe_files();
        Ok(Processed { artifact: Some(artifact), keep_input: true, force_keep: true })
    }
}

/// The checksums of one file, all from one reading.
fn sums(file: &Path, types: &[&str], cx: &BuildContext) -> Result<Vec<String>, OutputError> {
    let path = cx.run.cwd.join(file);
    let error = |source| OutputError::file("read", &path, source);
    let mut reader = std::fs::File::open(&path).map_err(error)?;
    let mut hashers: Vec<Box<dyn DynDigest>> = types.iter().map(|kind| hasher(kind)).collect();
    let mut buffer = vec![0; CHUNK];
    loop {
        if cx.cancel.is_stopped() {
            return Err(Cancelled.into());
        }
        let count = reader.read(&mut buffer).map_err(error)?;
        if count == 0 {
            break;
        }
        hashers.iter_mut().for_each(|hasher| hasher.update(&buffer[..count]));
    }
    let hex = |bytes: Box<[u8]>| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(hashers.into_iter().map(|hasher| hex(hasher.finalize())).collect())
}

fn hasher(kind: &str) -> Box<dyn DynDigest> {
    match kind {
        "md5" => Box::new(md5::Md5::default()),
        "sha1" => Box::new(sha1::Sha1::default()),
        "sha224" => Box::new(sha2::Sha224::default()),
        "sha384" => Box::new(sha2::Sha384::default()),
        "sha512" => Box::new(sha2::Sha512::default()),
        _ => Box::new(sha2::Sha256::default()),
    }
}

/// The file's contents with `lines` added, in place of those with the same name and type. The peer only adds, and so
/// keeps the checksums of images that are gone.
fn merged(old: &[u8], lines: &[Line]) -> Vec<u8> {
    let old = String::from_utf8_lossy(old);
    let new: BTreeSet<(usize, &str)> = lines.iter().map(|line| (line.hex.len(), line.name.as_str())).collect();
    let is_replaced = |text: &str| text.split_once('\t').is_some_and(|(hex, name)| new.contains(&(hex.len(), name)));
    let mut text: String = old.lines().filter(|line| !is_replaced(line)).map(|line| format!("{line}\n")).collect();
    text.extend(lines.iter().map(|line| format!("{}\t{}\n", line.hex, line.name)));
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::testing::decode as decode_options;
    use crate::run::testing::context;
    use crate::value::Value;

    fn checksum(options: &[(&str, Value)]) -> Result<Checksum, Vec<String>> {
        decode_options(Path::new("/"), options, Checksum::decode)
    }

    #[tokio::test]
    async fn lines_are_written_once_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        std::fs::create_dir(folder.path().join("d")).unwrap();
        std::fs::write(folder.path().join("d/a"), "hello").unwrap();
        std::fs::write(folder.path().join("sums"), "00000000000000000000000000000000\ta\n01\tb\n").unwrap();
        let mut input = Artifact::new("x", "File", "");
        input.files = vec!["d/a".into()];
        let options = [("output", "sums".into()), ("checksum_types", Value::strings(["md5", "sha1", "md5"]))];
        let checksum = checksum(&options).unwrap();
        let expected = "01\tb\n5d41402abc4b2a76b9719d911017c592\ta\naaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d\ta\n";
        for _ in 0..2 {
            let processed = checksum.process(&input, &cx).await.unwrap();
            assert_eq!(std::fs::read_to_string(folder.path().join("sums")).unwrap(), expected);
            let artifact = processed.artifact.unwrap();
            assert_eq!(artifact.files, [Path::new("d/a"), Path::new("sums")]);
            assert_eq!(artifact.description, "Created artifact from files: d/a, sums");
            assert!(processed.keep_input && processed.force_keep);
        }
    }

    #[test]
    fn every_type_is_what_it_says() {
        let bits = TYPES.map(|kind| hasher(kind).finalize().len() * 8);
        assert_eq!(bits, [128, 160, 224, 256, 384, 512]);
    }

    #[test]
    fn unknown_types_are_refused() {
        let mistakes = checksum(&[("checksum_types", Value::strings(["sha3"]))]).err().unwrap();
        assert!(mistakes[0].contains("\"sha3\" is not a checksum type"));
    }

    #[tokio::test]
    async fn a_missing_file_is_an_error_and_a_stop_ends_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let mut input = Artifact::new("x", "File", "");
        input.files = vec!["none".into()];
        let error = checksum(&[]).unwrap().process(&input, &cx).await.unwrap_err();
        assert!(error.to_string().starts_with("could not read "), "{error}");
        std::fs::write(folder.path().join("none"), "x").unwrap();
        cx.cancel.stop.cancel();
        let error = checksum(&[]).unwrap().process(&input, &cx).await.unwrap_err();
        assert!(matches!(error, PostProcessError::Cancelled(_)));
    }
}
