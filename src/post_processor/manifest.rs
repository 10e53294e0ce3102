//! Post-processor `manifest`: adds what a build made to a JSON file, in the peer's format.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{InPreview, PostProcessError, PostProcessor, Processed};
use crate::client::Services;
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, over};
use crate::run::BuildContext;
use crate::run::artifact::Artifact;
use crate::run::event::EventKind;
use crate::run::output_file::{self, OutputError};
use crate::run::preview::Preview;

struct Manifest {
    output: String,
    strip_path: bool,
    strip_time: bool,
    /// Rendered with the artifact's facts. Nothing when the template does not say.
    custom_data: Option<BTreeMap<String, String>>,
    /// Of the build.
    facts: BTreeMap<String, String>,
    interpolation: Interpolation,
}

/// The file. Entries of earlier runs stay as they are, whatever else they hold.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Document {
    #[serde(default, deserialize_with = "null_is_empty")]
    builds: Vec<Value>,
    #[serde(default)]
    last_run_uuid: String,
}

/// One build, its fields in the order in which they are written.
#[derive(Debug, Serialize)]
struct Entry<'a> {
    name: &'a str,
    builder_type: &'a str,
    /// Seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    build_time: Option<u64>,
    files: Option<Vec<FileEntry>>,
    artifact_id: &'a str,
    packer_run_uuid: &'a str,
    custom_data: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Serialize)]
struct FileEntry {
    name: String,
    size: u64,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn PostProcessor>> {
    Some(Box::new(Manifest::decode(fields)))
}

impl Manifest {
    fn decode(fields: &mut Fields<'_>) -> Self {
        let seen = fields.facts_and([]);
        let output = fields.text("output").filter(|output| !output.is_empty());
        Self {
            output: output.unwrap_or_else(|| "packer-manifest.json".to_owned()),
            strip_path: fields.flag("strip_path").unwrap_or(false),
            strip_time: fields.flag("strip_time").unwrap_or(false),
            custom_data: fields.template_map("custom_data", seen.as_ref()),
            facts: fields.facts(),
            interpolation: fields.interpolation().clone(),
        }
    }

    fn custom_data(&self, input: &Artifact) -> Result<Option<BTreeMap<String, String>>, PostProcessError> {
        let Some(custom) = &self.custom_data else { return Ok(None) };
        let mut facts = self.facts.clone();
        facts.extend(input.facts.clone());
        let facts = over(&facts, []);
        let render = |(key, text): (&String, &String)| match self.interpolation.render(text, &facts) {
            Ok(text) => Ok((key.clone(), text)),
            Err(error) => Err(PostProcessError::Failed(format!("custom_data.{key}: {error}"))),
        };
        custom.iter().map(render).collect::<Result<_, _>>().map(Some)
    }

    fn files(&self, input: &Artifact, cx: &BuildContext) -> Option<Vec<FileEntry>> {
        let entry = |file: &PathBuf| {
            let name = if self.strip_path { Path::new(file.file_name()?) } else { file };
            // A file that is gone has the size 0, as in the peer.
            let size = std::fs::metadata(cx.run.cwd.join(file)).map_or(0, |found| found.len());
            Some(FileEntry { name: name.to_string_lossy().into_owned(), size })
        };
        (!input.files.is_empty()).then(|| input.files.iter().filter_map(entry).collect())
    }
}

#[async_trait]
impl PostProcessor for Manifest {
    fn in_preview(&self, _: &Preview) -> InPreview {
        InPreview::Runs
    }

    async fn process(&self, input: &Artifact, cx: &BuildContext) -> Result<Processed, PostProcessError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let entry = Entry {
            name: &cx.source_name,
            builder_type: &cx.builder_type,
            build_time: (!self.strip_time).then_some(now),
            files: self.files(input, cx),
            artifact_id: &input.id,
            packer_run_uuid: &cx.run.id,
            custom_data: self.custom_data(input)?,
        };
        let entry = serde_json::to_value(entry).map_err(|error| PostProcessError::Failed(error.to_string()))?;
        let path = cx.run.cwd.join(&self.output);
        let (run, force, shown) = (cx.run.id.clone(), cx.run.force, path.clone());
        let change = move |old: Option<Vec<u8>>| {
            added(old.as_deref().unwrap_or_default(), entry, &run, force).map_err(|error| {
                let shown = shown.display();
                OutputError::Failed(format!("{shown} is there but is not a manifest, so it is left as it is: {error}"))
            })
        };
        output_file::update(&path, cx, change).await?;
        cx.events.send(EventKind::Manifest { path });
        Ok(Processed::passing(input))
    }
}

/// The manifest `old` with `entry` added. `-force` starts a new one, once per run.
fn added(old: &[u8], entry: Value, run: &str, force: bool) -> Result<Vec<u8>, serde_json::Error> {
    let mut document = match old {
        [] => Document::default(),
        // An object it must be: the library would take a list for the fields in order.
        old => serde_json::from_value(Value::Object(serde_json::from_slice(old)?))?,
    };
    if force && document.last_run_uuid != run {
        document.builds.clear();
    }
    document.builds.push(entry);
    run.clone_into(&mut document.last_run_uuid);
    let text = serde_json::to_string_pretty(&document)?;
    // The peer writes these as escapes; they occur only inside strings.
    let escapes =
        [('<', "\\u003c"), ('>', "\\u003e"), ('&', "\\u0026"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")];
    Ok(escapes.into_iter().fold(text, |text, (character, escape)| text.replace(character, escape)).into_bytes())
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(input: D) -> Result<Vec<Value>, D::Error> {
    Ok(Option::deserialize(input)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::testing::decode as decode_options;
    use crate::run::testing::context;

    type Options<'a> = &'a [(&'a str, crate::value::Value)];

    async fn write(cx: &BuildContext, options: Options<'_>, input: &Artifact) -> Result<String, String> {
        let manifest = decode_options(&cx.run.cwd, options, |fields| Some(Manifest::decode(fields))).unwrap();
        manifest.process(input, cx).await.map_err(|error| error.to_string())?;
        Ok(std::fs::read_to_string(cx.run.cwd.join(&manifest.output)).unwrap())
    }

    fn image() -> Artifact {
        let mut image = Artifact::new("x", "sha256:1", "Imported Docker image: sha256:1");
        image.facts.insert("ImageSha256".to_owned(), "sha256:1".to_owned());
        image
    }

    const ONE: &str = r#"{
  "builds": [
    {
      "name": "web",
      "builder_type": "docker",
      "files": null,
      "artifact_id": "sha256:1",
      "packer_run_uuid": "7f8ca4ae-0000-4000-8000-1d3a5c7f0001",
      "custom_data": null
    }
  ],
  "last_run_uuid": "7f8ca4ae-0000-4000-8000-1d3a5c7f0001"
}"#;

    #[tokio::test]
    async fn the_format_is_the_peers_to_the_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let plain = ("strip_time", true.into());
        assert_eq!(write(&cx, std::slice::from_ref(&plain), &image()).await.unwrap(), ONE);

        std::fs::create_dir(folder.path().join("out")).unwrap();
        std::fs::write(folder.path().join("out/t.txt"), "hello").unwrap();
        let mut files = Artifact::new("x", "File", "");
        files.files = vec!["out/t.txt".into(), "gone".into()];
        let data = crate::value::Value::object([("b".to_owned(), "x<y>&".into()), ("a".to_owned(), "é".into())].into());
        let options = [plain, ("output", "m/2.json".into()), ("custom_data", data), ("strip_path", true.into())];
        let text = write(&cx, &options, &files).await.unwrap();
        let start = text.find("      \"files\"").unwrap();
        let expected = r#"      "files": [
        {
          "name": "t.txt",
          "size": 5
        },
        {
          "name": "gone",
          "size": 0
        }
      ],
      "artifact_id": "File",
      "packer_run_uuid": "7f8ca4ae-0000-4000-8000-1d3a5c7f0001",
      "custom_data": {
        "a": "é",
        "b": "x\u003cy\u003e\u0026"
      }
"#;
        assert!(text[start..].starts_with(expected), "{text}");
    }

    #[tokio::test]
    async fn entries_are_added_and_force_starts_anew_once_per_run() {
        let folder = tempfile::tempdir().unwrap();
        let (mut cx, _receiver) = context(folder.path());
        let old = r#"{"builds":[{"name":"old","extra":{"z":1,"a":2}}],"last_run_uuid":"other"}"#;
        let path = folder.path().join("packer-manifest.json");
        std::fs::write(&path, old).unwrap();
        let names = |text: &str| {
            let document: Document = serde_json::from_str(text).unwrap();
            document.builds.iter().map(|build| build["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let text = write(&cx, &[], &image()).await.unwrap();
        assert_eq!(names(&text), ["old", "web"]);
        assert!(text.contains("\"z\": 1,\n        \"a\": 2") && text.contains("\"build_time\": 1"), "{text}");
        std::fs::write(&path, old).unwrap();
        cx.run = Arc::new(crate::run::RunInfo { force: true, ..(*cx.run).clone() });
        assert_eq!(names(&write(&cx, &[], &image()).await.unwrap()), ["web"]);
        assert_eq!(names(&write(&cx, &[], &image()).await.unwrap()), ["web", "web"]);
    }

    #[tokio::test]
    async fn a_broken_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (cx, _receiver) = context(folder.path());
        let path = folder.path().join("packer-manifest.json");
        for broken in ["{\"builds\": [", "[]", "{\"builds\": 7}"] {
            std::fs::write(&path, broken).unwrap();
            let error = write(&cx, &[], &image()).await.unwrap_err();
            assert!(error.contains("is not a manifest"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), broken);
        }
        std::fs::write(&path, "").unwrap();
        assert!(write(&cx, &[], &image()).await.is_ok(), "an empty file is like none");
    }
}
