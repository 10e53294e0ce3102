//! Images from Dockerfiles: by the `docker` program, which has BuildKit, else by the engine's classic builder.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard::query_parameters::BuildImageOptionsBuilder;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;

use super::dockerignore::Ignored;
use super::{Credentials, Docker, DockerError, Login, auth, image};
use crate::client::archive::{ChunkWriter, archive};
use crate::run::BuildContext;
use crate::run::cleanup::Resource;
use crate::run::event::Stream as Source;
use crate::run::local_command;

/// Name of the Dockerfile within the archive when it lies outside of the folder.
const OUTSIDE: &str = ".forge.Dockerfile";

#[derive(Debug, Clone)]
pub(crate) struct ImageBuild<'a> {
    pub dockerfile: &'a Path,
    pub dir: &'a Path,
    pub arguments: &'a BTreeMap<String, String>,
    pub platform: &'a str,
    /// Look for newer base images.
    pub pull: bool,
    pub compress: bool,
    pub login: Option<&'a Login>,
}

impl Docker {
    /// Builds an image and yields its id; what the builder prints becomes output of the build.
    pub(crate) async fn build(&self, build: &ImageBuild<'_>, cx: &BuildContext) -> Result<String, DockerError> {
        match self.build_by_program(build, cx).await? {
            Some(id) => Ok(id),
            None => self.build_by_engine(build, cx).await,
        }
    }

    /// Nothing when there is no `docker` program.
    async fn build_by_program(&self, build: &ImageBuild<'_>, cx: &BuildContext) -> Result<Option<String>, DockerError> {
        let failed = |reason: String| DockerError::Call { action: build.action(), reason };
        let work = std::env::temp_dir().join(self.new_name(&cx.run.id));
        let resource = Resource::Directory { path: work.clone() };
        cx.acquire(resource.clone())?;
        let made = tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(&work).await;
        made.map_err(|source| DockerError::local("make the folder", &work, source))?;

        let id_file = work.join("image-id");
        let mut command = Command::new("docker");
        // Without it, the classic builder leaves the container of a failed step behind.
        command.arg("build").arg("--force-rm").arg("--iidfile").arg(&id_file).arg("-f").arg(build.dockerfile);
        if !build.platform.is_empty() {
            command.arg(format!("--platform={}", build.platform));
        }
        for (wanted, flag) in [(build.pull, "--pull"), (build.compress, "--compress")] {
            if wanted {
                command.arg(flag);
            }
        }
        for (name, value) in build.arguments {
            command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        command.arg(build.dir);
        command.env("DOCKER_HOST", &self.endpoint.host).env_remove("DOCKER_CONTEXT").env("BUILDKIT_PROGRESS", "plain");
        if let Some(tls) = &self.endpoint.tls {
            command.env("DOCKER_TLS_VERIFY", "1").env("DOCKER_CERT_PATH", tls);
        }
        if let Some(login) = build.login {
            self.write_config(&work, login)?;
            command.env("DOCKER_CONFIG", &work);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let spawned = local_command::starting(|| command.spawn());
        let outcome = match spawned {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(format!("could not start docker: {error}"))),
            Ok(mut child) => {
                let (out, err) = (child.stdout.take(), child.stderr.take());
                let work = async {
                    tokio::join!(forward(out, Source::Stdout, cx), forward(err, Source::Stderr, cx));
                    child.wait().await
                };
                match cx.cancel.unless_stopped(work).await {
                    Err(cancelled) => Err(cancelled.into()),
                    Ok(Ok(status)) if status.success() => match tokio::fs::read_to_string(&id_file).await {
                        Ok(id) => Ok(Some(id.trim().to_owned())),
                        Err(error) => Err(failed(format!("docker build gave no image id: {error}"))),
                    },
                    Ok(Ok(status)) => Err(failed(format!("docker build ended with {status}"))),
                    Ok(Err(error)) => Err(failed(error.to_string())),
                }
            }
        };
        // It holds a password: gone now, not at the end of the build.
        if tokio::fs::remove_dir_all(&work).await.is_ok() {
            cx.keep(&resource)?;
        }
        outcome
    }

    /// A configuration for the program with one more login; the user's own file is not touched.
    fn write_config(&self, work: &Path, login: &Login) -> Result<(), DockerError> {
        let mut config = serde_json::Map::new();
        if let Some(dir) = &self.env.config_dir {
            let text = std::fs::read_to_string(dir.join("config.json")).unwrap_or_default();
            config = serde_json::from_str(&text).unwrap_or_default();
            // Plugins and builders are looked up beside the file.
            #[cfg(unix)]
            for name in ["cli-plugins", "buildx"] {
                if dir.join(name).exists() {
                    let linked = std::os::unix::fs::symlink(dir.join(name), work.join(name));
                    linked.map_err(|source| DockerError::local("link", &work.join(name), source))?;
                }
            }
        }
        let credentials = Credentials::of_login(login);
        let auth = STANDARD.encode(format!("{}:{}", credentials.username, credentials.password));
        let mut put = |section: &str, value: serde_json::Value| {
            let entry = config.entry(section).or_insert_with(|| serde_json::json!({}));
            if let Some(entry) = entry.as_object_mut() {
                entry.insert(credentials.server.clone(), value);
            }
        };
        put("auths", serde_json::json!({ "auth": auth }));
        // No helper for this server: the file has the login.
        put("credHelpers", "".into());
        let path = work.join("config.json");
        let text = serde_json::Value::Object(config).to_string();
        std::fs::write(&path, text).map_err(|source| DockerError::local("write", &path, source))
    }

    pub(crate) async fn build_by_engine(
        &self,
        build: &ImageBuild<'_>,
        cx: &BuildContext,
    ) -> Result<String, DockerError> {
        let failed = |reason: String| DockerError::Call { action: build.action(), reason };
        let mut logins = std::collections::HashMap::new();
        for server in auth::known_servers(self.env.config_dir.as_deref())? {
            if let Some(credentials) = self.credentials(&server, None, cx).await? {
                logins.insert(credentials.server.clone(), image::wire(credentials));
            }
        }
        if let Some(login) = build.login {
            let credentials = Credentials::of_login(login);
            logins.insert(credentials.server.clone(), image::wire(credentials));
        }
        let inside = build.dockerfile.strip_prefix(build.dir).ok().map(Path::to_owned);
        let name = inside.clone().unwrap_or_else(|| PathBuf::from(OUTSIDE));
        let arguments = build.arguments.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let options = BuildImageOptionsBuilder::new()
            .dockerfile(&name.to_string_lossy())
            .buildargs(&arguments)
            .platform(build.platform)
            .pull(if build.pull { "true" } else { "" })
            .rm(true)
            .forcerm(true)
            .build();
        let (dir, dockerfile) = (build.dir.to_owned(), build.dockerfile.to_owned());
        let (body, task) = archive(move |tar| fill(tar, &dir, &dockerfile, inside.as_deref())).split();
        let stream = self.api.build_image(options, Some(logins), Some(bollard::body_try_stream(body)));
        let mut printed = String::new();
        let mut id = None;
        let each = |info: bollard::models::BuildInfo| {
            printed.push_str(&info.stream.unwrap_or_default());
            while let Some(end) = printed.find('\n') {
                let line: String = printed.drain(..=end).collect();
                cx.events.send(crate::run::event::EventKind::Output {
                    stream: Source::Stdout,
                    line: line.trim_end().to_owned(),
                });
            }
            id = info.aux.and_then(|aux| aux.id).or(id.take());
        };
        if let Err(error) = image::drain(Box::pin(stream), cx, each).await? {
            return Err(match task.error().await {
                Some(source) => DockerError::local("read", build.dir, source),
                None => failed(super::error::reason(&error)),
            });
        }
        id.ok_or_else(|| failed("the engine gave no image id".to_owned()))
    }
}

impl ImageBuild<'_> {
    fn action(&self) -> String {
        format!("build an image of {}", self.dockerfile.display())
    }
}

/// The folder without what `.dockerignore` names, and the Dockerfile in any case.
fn fill(tar: &mut tar::Builder<ChunkWriter>, dir: &Path, dockerfile: &Path, inside: Option<&Path>) -> io::Result<()> {
    let ignore = Ignored::read(dir)?;
    for entry in walkdir::WalkDir::new(dir).min_depth(1).sort_by_file_name() {
        let entry = entry?;
        let Ok(name) = entry.path().strip_prefix(dir) else { continue };
        let needed = inside == Some(name) || name == Path::new(".dockerignore");
        if needed || !ignore.matches(name) {
            tar.append_path_with_name(entry.path(), name)?;
        }
    }
    match inside {
        Some(_) => Ok(()),
        None => tar.append_path_with_name(dockerfile, OUTSIDE),
    }
}

async fn forward(source: Option<impl AsyncRead + Unpin>, stream: Source, cx: &BuildContext) {
    let Some(mut source) = source else { return };
    let mut lines = cx.lines(stream);
    let mut chunk = vec![0; 16 << 10];
    while let Ok(read @ 1..) = source.read(&mut chunk).await {
        lines.write(&chunk[..read]).await;
    }
    lines.finish();
}
