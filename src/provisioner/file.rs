//! Provisioner `file`: moves files and folders to the machine or from it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{ProvisionError, Provisioner};
use crate::client::Services;
use crate::communicator::{Communicator, CommunicatorError, Content};
use crate::eval::fields::Fields;
use crate::run::BuildContext;
use crate::run::credentials;
use crate::run::inputs::Local;

/// What is moved, and which way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Transfer {
    Upload(Vec<String>),
    Content(String),
    Download(Vec<String>),
}

#[derive(Debug)]
struct FileTransfer {
    transfer: Transfer,
    /// An earlier step of the build makes the sources.
    generated: bool,
    destination: String,
}

pub(super) fn decode(fields: &mut Fields<'_>, _: &Arc<Services>) -> Option<Box<dyn Provisioner>> {
    Some(Box::new(FileTransfer::decode(fields)?))
}

impl FileTransfer {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let mut sources = fields.texts("sources").unwrap_or_default();
        sources.extend(fields.text("source").filter(|source| !source.is_empty()));
        let content = fields.text("content").filter(|content| !content.is_empty());
        let direction = fields.text("direction").filter(|direction| !direction.is_empty());
        let generated = fields.flag("generated").unwrap_or(false);
        let destination = fields.required_text("destination");
        if content.is_some() && !sources.is_empty() {
            let detail = "the file's text comes from \"content\" or from a source";
            fields.error_at("content", "\"content\" and sources exclude each other", detail);
        }
        let transfer = match (direction.as_deref(), content) {
            (None | Some("upload"), Some(content)) => Transfer::Content(content),
            (None | Some("upload"), None) => {
                if !generated {
                    exist(fields, &sources);
                }
                Transfer::Upload(sources)
            }
            (Some("download"), None) => Transfer::Download(sources),
            (Some("download"), Some(_)) => {
                fields.error_at("content", "\"content\" cannot be downloaded", "it belongs to an upload");
                return None;
            }
            (Some(_), _) if fields.is_unknown("direction") => Transfer::Upload(Vec::new()),
            (Some(other), _) => {
                let detail = "it is \"upload\" or \"download\"";
                fields.error_at("direction", format!("\"{other}\" is not a direction"), detail);
                return None;
            }
        };
        Some(Self { transfer, generated, destination: destination? })
    }

    async fn upload(
        &self,
        sources: &[String],
        on: &dyn Communicator,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        let destination = &self.destination;
        for source in sources {
            cx.say(format!("Uploading {source} => {destination}"));
            let path = cx.run.cwd.join(source);
            let local = |source| CommunicatorError::Local { path: path.display().to_string(), source };
            if tokio::fs::metadata(&path).await.map_err(local)?.is_dir() {
                // Joined paths keep a slash at the end: with it, the folder's contents are meant.
                on.upload_directory(&path.to_string_lossy(), destination, cx).await?;
            } else {
                on.upload_file(Content::File(&path), &with_name(destination, &base_name(source)), cx).await?;
            }
        }
        Ok(())
    }

    async fn download(
        &self,
        sources: &[String],
        on: &dyn Communicator,
        cx: &BuildContext,
    ) -> Result<(), CommunicatorError> {
        for source in sources {
            cx.say(format!("Downloading {source} => {}", self.destination));
            let whole_folder = source.ends_with('/') || source.contains(['*', '?', '[']);
            let mut target = cx.run.cwd.join(&self.destination);
            if self.destination.ends_with('/') && !whole_folder {
                target.push(base_name(source));
            }
            let folder = if whole_folder { Some(target.as_path()) } else { target.parent() };
            if let Some(folder) = folder {
                let local = |source| CommunicatorError::Local { path: folder.display().to_string(), source };
                tokio::fs::create_dir_all(folder).await.map_err(local)?;
            }
            match whole_folder {
                true => on.download_directory(source, &target, cx).await?,
                false => on.download_file(source, &target, cx).await?,
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Provisioner for FileTransfer {
    fn locals(&self) -> Vec<Local> {
        match &self.transfer {
            Transfer::Upload(sources) if !self.generated => sources.iter().map(Local::copied).collect(),
            _ => Vec::new(),
        }
    }

    async fn provision(&self, on: &dyn Communicator, cx: &BuildContext) -> Result<(), ProvisionError> {
        if let Transfer::Upload(sources) = &self.transfer {
            for source in sources {
                credentials::refuse(cx.run.cwd.join(source), on.follows_links()).await.map_err(|why| {
                    ProvisionError::Failed(format!(
                        "{why}: upload a folder without it, and let actions/checkout run with persist-credentials: false"
                    ))
                })?;
            }
        }
        let (done, way) = match &self.transfer {
            Transfer::Upload(sources) => (self.upload(sources, on, cx).await, "Upload"),
            Transfer::Download(sources) => (self.download(sources, on, cx).await, "Download"),
            Transfer::Content(text) => {
                let destination = &self.destination;
                cx.say(format!("Uploading content => {destination}"));
                // The peer goes through a temporary file, whose name and mode show on the machine.
                let target = with_name(destination, &format!("pkr-file-content{}", rand::random::<u32>()));
                let content = Content::Bytes { bytes: Bytes::from(text.clone()), mode: 0o600 };
                (on.upload_file(content, &target, cx).await, "Upload")
            }
        };
        done.map_err(|error| match error {
            CommunicatorError::Cancelled(cancelled) => cancelled.into(),
            other => ProvisionError::Failed(format!("{way} failed: {other}")),
        })
    }
}

/// Reports sources that are not there. Relative ones start from the working directory, as in the peer.
fn exist(fields: &mut Fields<'_>, sources: &[String]) {
    if fields.is_unknown("source") || fields.is_unknown("sources") {
        return;
    }
    let option = if fields.is_set("source") { "source" } else { "sources" };
    for source in sources {
        let path: PathBuf = fields.interpolation().cwd.join(source);
        if let Err(error) = std::fs::metadata(&path) {
            let summary = format!("bad source \"{source}\"");
            let help = "set generated = true for a file that an earlier step of the build makes";
            fields.error_at(option, summary, format!("{}: {error}; {help}", path.display()));
        }
    }
}

/// `destination`, with `name` added when it names a folder by a slash at its end.
fn with_name(destination: &str, name: &str) -> String {
    match destination.ends_with('/') {
        true => format!("{destination}{name}"),
        false => destination.to_owned(),
    }
}

fn base_name(path: &str) -> String {
    Path::new(path).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::testing::decode as decode_options;
    use crate::provisioner::tests::Recorder;
    use crate::run::testing::context;
    use crate::value::Value;

    fn file(folder: &Path, options: &[(&str, Value)]) -> Result<FileTransfer, Vec<String>> {
        decode_options(folder, options, FileTransfer::decode)
    }

    /// The calls that the options lead to, without the working directory.
    async fn calls(options: &[(&str, Value)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("d")).unwrap();
        std::fs::write(folder.path().join("a.txt"), "a").unwrap();
        let (cx, _receiver) = context(folder.path());
        let on = Recorder::default();
        file(folder.path(), options).unwrap().provision(&on, &cx).await.unwrap();
        let here = format!("{}/", folder.path().display());
        on.calls().into_iter().map(|call| call.replace(&here, "")).collect()
    }

    #[tokio::test]
    async fn slashes_decide_what_goes_where() {
        let sources = || Value::strings(["a.txt", "d", "d/"]);
        let options = [("sources", sources()), ("source", "a.txt".into()), ("destination", "/opt/".into())];
        let expected =
            ["upload a.txt /opt/a.txt", "upload-dir d /opt/", "upload-dir d/ /opt/", "upload a.txt /opt/a.txt"];
        assert_eq!(calls(&options).await, expected);
        let options = [("source", "a.txt".into()), ("destination", "/opt".into())];
        assert_eq!(calls(&options).await, ["upload a.txt /opt"]);
    }

    #[tokio::test]
    async fn every_source_is_downloaded_and_folders_are_made() {
        let sources = Value::strings(["/etc/x", "/var/log/", "/etc/y"]);
        let options = [("sources", sources), ("destination", "out/new/".into()), ("direction", "download".into())];
        let expected = ["download /etc/x out/new/x", "download-dir /var/log/ out/new/", "download /etc/y out/new/y"];
        assert_eq!(calls(&options).await, expected);
        let options = [("source", "/etc/x".into()), ("destination", "o/y".into()), ("direction", "download".into())];
        assert_eq!(calls(&options).await, ["download /etc/x o/y"]);
    }

    #[tokio::test]
    async fn content_is_uploaded_without_a_file() {
        let options = [("content", "hi".into()), ("destination", "/etc/motd".into())];
        assert_eq!(calls(&options).await, ["upload \"hi\" 600 /etc/motd"]);
        assert!(calls(&[("content", "".into()), ("destination", "/x".into())]).await.is_empty());
    }

    #[test]
    fn mistakes_are_reported_at_plan_time() {
        let folder = tempfile::tempdir().unwrap();
        let mistakes = |options: &[(&str, Value)]| file(folder.path(), options).err().unwrap_or_default().join("\n");
        let to = || ("destination", Value::from("/x"));
        assert!(mistakes(&[("source", "a".into()), to()]).contains("bad source \"a\""));
        assert!(mistakes(&[("source", "a".into()), ("generated", true.into()), to()]).is_empty());
        assert!(mistakes(&[("source", "a".into()), ("direction", "download".into()), to()]).is_empty());
        assert!(mistakes(&[("content", "a".into()), ("source", "b".into()), to()]).contains("exclude each other"));
        assert!(mistakes(&[("direction", "up".into()), to()]).contains("\"up\" is not a direction"));
        assert!(mistakes(&[]).contains("option \"destination\" is missing"));
    }
}
