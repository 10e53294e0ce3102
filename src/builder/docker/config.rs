//! Options of the docker builder: decoding, defaults, and the checks that span several options.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::run_command;
use crate::client::docker::{Reference, is_image_id};
use crate::diagnostic::Diagnostic;
use crate::docker::login::{self, LoginOptions};
use crate::docker::{decode_changes, docker_path};
use crate::eval::fields::Fields;
use crate::eval::interpolate::{Interpolation, data};

const NO_WINDOWS: &str = "Windows containers are not there yet";
const NO_SSH: &str = "only the communicators \"docker\" and \"none\" are there yet";

/// Options of the communicators `ssh` and `winrm`.
const SSH_OPTIONS: &[&str] = &[
    "ssh_host",
    "ssh_port",
    "ssh_username",
    "ssh_password",
    "ssh_keypair_name",
    "temporary_key_pair_name",
    "temporary_key_pair_type",
    "temporary_key_pair_bits",
    "ssh_ciphers",
    "ssh_clear_authorized_keys",
    "ssh_key_exchange_algorithms",
    "ssh_private_key_file",
    "ssh_certificate_file",
    "ssh_pty",
    "ssh_timeout",
    "ssh_wait_timeout",
    "ssh_agent_auth",
    "ssh_disable_agent_forwarding",
    "ssh_handshake_attempts",
    "ssh_bastion_host",
    "ssh_bastion_port",
    "ssh_bastion_agent_auth",
    "ssh_bastion_username",
    "ssh_bastion_password",
    "ssh_bastion_interactive",
    "ssh_bastion_private_key_file",
    "ssh_bastion_certificate_file",
    "ssh_file_transfer_method",
    "ssh_proxy_host",
    "ssh_proxy_port",
    "ssh_proxy_username",
    "ssh_proxy_password",
    "ssh_keep_alive_interval",
    "ssh_read_write_timeout",
    "ssh_remote_tunnels",
    "ssh_local_tunnels",
    "ssh_public_key",
    "ssh_private_key",
    "winrm_username",
    "winrm_password",
    "winrm_host",
    "winrm_no_proxy",
    "winrm_port",
    "winrm_timeout",
    "winrm_use_ssl",
    "winrm_insecure",
    "winrm_use_ntlm",
];

/// Where the container's image comes from.
#[derive(Debug, Clone)]
pub(super) enum Base {
    Image(String),
    Build(Bootstrap),
}

/// A `build` block.
#[derive(Debug, Clone)]
pub(super) struct Bootstrap {
    /// Of the Dockerfile; absolute.
    pub path: PathBuf,
    pub dir: PathBuf,
    pub arguments: BTreeMap<String, String>,
    pub pull: bool,
    pub compress: bool,
}

/// What becomes of the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Commit,
    Discard,
    Export(PathBuf),
}

#[derive(Debug, Clone)]
pub(super) struct Config {
    pub base: Base,
    pub outcome: Outcome,
    pub pull: bool,
    pub platform: String,
    pub author: String,
    pub message: String,
    pub changes: Vec<String>,
    /// Flags of `docker run` for the options that are one each, before `run_command`.
    pub flags: Vec<String>,
    /// Not yet rendered: `{{ .Image }}` is known when the container starts.
    pub run_command: Vec<String>,
    pub interpolation: Interpolation,
    pub container_dir: String,
    pub exec_user: String,
    pub pty: bool,
    pub fix_upload_owner: bool,
    pub login: Option<LoginOptions>,
    /// `communicator = "none"` makes it false.
    pub connects: bool,
    pub pause_before_connecting: Duration,
}

pub(super) fn decode(fields: &mut Fields<'_>) -> Option<Config> {
    let before = fields.error_count();
    let image = fields.text("image").unwrap_or_default();
    let bootstrap = decode_build(fields);
    let pull = fields.flag("pull");
    let config = Config {
        base: base(fields, image, bootstrap, pull),
        outcome: outcome(fields),
        pull: pull.unwrap_or(true),
        platform: fields.text("platform").unwrap_or_default(),
        author: fields.text("author").unwrap_or_default(),
        message: fields.text("message").unwrap_or_default(),
        changes: decode_changes(fields),
        flags: flags(fields),
        run_command: run_command(fields),
        interpolation: fields.interpolation().clone(),
        container_dir: fields.text("container_dir").filter(|dir| !dir.is_empty()).unwrap_or("/packer-files".to_owned()),
        exec_user: fields.text("exec_user").unwrap_or_default(),
        pty: fields.flag("pty").unwrap_or(false),
        fix_upload_owner: fields.flag("fix_upload_owner").unwrap_or(true),
        login: login::decode(fields),
        connects: communicator(fields),
        pause_before_connecting: fields.duration("pause_before_connecting").unwrap_or_default(),
    };
    docker_path(fields);
    fields.unsupported(&["windows_container"], NO_WINDOWS);
    fields.unused(SSH_OPTIONS, "the engine itself runs commands in the container");
    if !config.container_dir.starts_with('/') {
        fields.error_at("container_dir", "\"container_dir\" must be an absolute path", "a path in the container");
    }
    check_run_command(fields, &config);
    (fields.error_count() == before).then_some(config)
}

fn base(fields: &mut Fields<'_>, image: String, bootstrap: Option<Bootstrap>, pull: Option<bool>) -> Base {
    match bootstrap {
        Some(bootstrap) => {
            if fields.is_set("image") {
                fields.error_at("image", "both \"image\" and a build block", "the block makes the image: one of them");
            }
            if pull.is_some() {
                let warning = Diagnostic::warning("\"pull\" does nothing beside a build block")
                    .at_some(fields.span_of("pull"))
                    .help("the block has a \"pull\" of its own");
                fields.push(warning);
            }
            Base::Build(bootstrap)
        }
        None => {
            if image.is_empty() {
                fields.error_at("image", "option \"image\" is missing", "an image or a build block is needed");
            } else if !fields.is_unknown("image")
                && !is_image_id(&image)
                && let Err(error) = Reference::parse(&image)
            {
                fields.error_at("image", "\"image\" is not the name of an image", error.to_string());
            }
            Base::Image(image)
        }
    }
}

fn decode_build(fields: &mut Fields<'_>) -> Option<Bootstrap> {
    let block = fields.block("build")?;
    let cwd = fields.interpolation().cwd.clone();
    let mut inner = fields.nested(block);
    let path = cwd.join(inner.required_text("path").unwrap_or_default());
    let dir = inner.text("build_dir").map_or_else(|| cwd.clone(), |dir| cwd.join(dir));
    if inner.is_set("path") && !inner.is_unknown("path") && !path.is_file() {
        inner.error_at("path", "the Dockerfile is not there", format!("{} is not a file", path.display()));
    }
    if !inner.is_unknown("build_dir") && !dir.is_dir() {
        inner.error_at("build_dir", "the build folder is not there", format!("{} is not a folder", dir.display()));
    }
    let bootstrap = Bootstrap {
        path,
        dir,
        arguments: inner.text_map("arguments").unwrap_or_default(),
        pull: inner.three_state("pull").unwrap_or(true),
        compress: inner.flag("compress").unwrap_or(false),
    };
    inner.finish();
    Some(bootstrap)
}

fn outcome(fields: &mut Fields<'_>) -> Outcome {
    let commit = fields.flag("commit").unwrap_or(false);
    let discard = fields.flag("discard").unwrap_or(false);
    let export = fields.text("export_path").filter(|path| !path.is_empty());
    let chosen = [commit, discard, export.is_some()].into_iter().filter(|chosen| *chosen).count();
    if chosen != 1 {
        let summary = match chosen {
            0 => "none of \"commit\", \"discard\" and \"export_path\" is set",
            _ => "more than one of \"commit\", \"discard\" and \"export_path\" is set",
        };
        let span = ["commit", "discard", "export_path"].iter().find_map(|name| fields.span_of(name));
        let span = span.unwrap_or(fields.block_span());
        fields.push(Diagnostic::error(summary).at(span).detail("exactly one says what becomes of the container"));
    }
    match export {
        Some(path) => {
            let path = PathBuf::from(path);
            if !fields.is_unknown("export_path") && fields.interpolation().cwd.join(&path).is_dir() {
                fields.error_at("export_path", "\"export_path\" is a folder", "the name of a file is expected");
            }
            Outcome::Export(path)
        }
        None if discard => Outcome::Discard,
        None => Outcome::Commit,
    }
}

/// The options that become a flag each, in the peer's order; volumes in the order of their names.
fn flags(fields: &mut Fields<'_>) -> Vec<String> {
    let mut flags = Vec::new();
    for (name, flag) in [("device", "--device"), ("cap_add", "--cap-add"), ("cap_drop", "--cap-drop")] {
        for value in fields.texts(name).unwrap_or_default() {
            flags.push(format!("{flag}={value}"));
        }
    }
    if fields.flag("privileged").unwrap_or(false) {
        flags.push("--privileged".to_owned());
    }
    if let Some(runtime) = fields.text("runtime").filter(|runtime| !runtime.is_empty()) {
        flags.push(format!("--runtime={runtime}"));
    }
    for value in fields.texts("tmpfs").unwrap_or_default() {
        flags.push(format!("--tmpfs={value}"));
    }
    for (host, inside) in fields.text_map("volumes").unwrap_or_default() {
        let host = match (host.strip_prefix("~/"), std::env::var("HOME")) {
            (Some(rest), Ok(home)) => format!("{home}/{rest}"),
            _ => host,
        };
        flags.extend(["-v".to_owned(), format!("{host}:{inside}")]);
    }
    flags
}

fn communicator(fields: &mut Fields<'_>) -> bool {
    match fields.text("communicator").as_deref() {
        None | Some("" | "docker") => true,
        Some("none") => false,
        Some("dockerWindowsContainer") => {
            fields.error_at("communicator", "communicator \"dockerWindowsContainer\" is not supported yet", NO_WINDOWS);
            true
        }
        Some(known @ ("ssh" | "winrm")) => {
            fields.error_at("communicator", format!("communicator {known:?} is not supported yet"), NO_SSH);
            true
        }
        Some(other) => {
            let diagnostic = Diagnostic::error(format!("unknown communicator {other:?}"))
                .at_some(fields.span_of("communicator"))
                .detail("not one of docker, none, ssh, winrm")
                .suggest(other, ["docker", "none", "ssh", "winrm"]);
            fields.push(diagnostic);
            true
        }
    }
}

fn run_command(fields: &mut Fields<'_>) -> Vec<String> {
    let seen = data([("Image", "")]);
    let written = fields.templates("run_command", Some(&seen)).filter(|parts| !parts.is_empty());
    written
        .unwrap_or_else(|| ["-d", "-i", "-t", "--entrypoint=/bin/sh", "--", "{{.Image}}"].map(str::to_owned).to_vec())
}

/// Reads the command line once with a stand-in for the image, so that mistakes in it show before anything runs.
fn check_run_command(fields: &mut Fields<'_>, config: &Config) {
    if fields.is_unknown("run_command") {
        return;
    }
    let image = match &config.base {
        Base::Image(image) if !image.is_empty() => image.as_str(),
        _ => "sha256",
    };
    match config.run_args(image).map(|args| run_command::parse(&args)) {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => fields.error_at("run_command", "the container's options are wrong", error.to_string()),
        Err(error) => fields.error_at("run_command", "\"run_command\" cannot be rendered", error),
    }
}

impl Config {
    /// Everything after `docker run` but what the launch adds.
    pub(super) fn run_args(&self, image: &str) -> Result<Vec<String>, String> {
        let mut args = self.flags.clone();
        if !self.platform.is_empty() {
            args.push(format!("--platform={}", self.platform));
        }
        for arg in &self.run_command {
            args.push(self.interpolation.render(arg, &data([("Image", image)])).map_err(|error| error.to_string())?);
        }
        Ok(args)
    }
}
