//! The options of the communicators: decoding, defaults, and the checks that span several options.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::ssh::{Credentials, Hop, Key, Proxy, Settings, Tunnel, Via, ciphers, key_exchanges};
use crate::communicator::ssh::{Method, SshConfig};
use crate::diagnostic::Diagnostic;
use crate::eval::fields::Fields;

const TIMEOUT: Duration = Duration::from_secs(300);
const ATTEMPTS: u32 = 10;
const KEEP_ALIVE: Duration = Duration::from_secs(5);

const WINRM: [&str; 9] = [
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
const NO_WINRM: &str = "Windows guests are not there yet";

/// The communicator that a template chose.
#[derive(Clone)]
pub(in crate::builder) enum CommunicatorChoice {
    /// `key_pair`: the account's own, for a machine that nobody connects to.
    None {
        key_pair: String,
    },
    Ssh(Box<SshConfig>),
}

impl CommunicatorChoice {
    pub(in crate::builder) fn name(&self) -> &'static str {
        match self {
            Self::None { .. } => "none",
            Self::Ssh(_) => "ssh",
        }
    }

    /// The key pair that the template names for the launch.
    pub(in crate::builder) fn key_pair(&self) -> &str {
        match self {
            Self::None { key_pair } => key_pair,
            Self::Ssh(ssh) => &ssh.ssh_keypair_name,
        }
    }
}

/// Reports that nobody is named to log in as.
pub(in crate::builder) fn check_user(fields: &mut Fields<'_>, ssh: &SshConfig) {
    if ssh.hop.user.is_empty() && !fields.is_unknown("ssh_username") {
        let summary = "option \"ssh_username\" is missing";
        fields.error_at("ssh_username", summary, "the user to log in as, such as \"ubuntu\" or \"ec2-user\"");
    }
}

/// Facts of a build that connects to nothing.
pub(in crate::builder) fn no_connection() -> impl Iterator<Item = (String, String)> {
    let facts = [("Host", ""), ("Port", "0"), ("User", ""), ("Password", ""), ("ConnType", "none")];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// Decodes `communicator` and the options of all communicators. Whether the machine's host and a way in are given
/// is the builder's to check.
pub(in crate::builder) fn decode(fields: &mut Fields<'_>) -> CommunicatorChoice {
    let chosen = fields.text("communicator").unwrap_or_default();
    match chosen.as_str() {
        "winrm" => {
            let _ = WINRM.map(|name| fields.asks(name));
        }
        _ => fields.unused(&WINRM, "the communicator is another one"),
    }
    match chosen.as_str() {
        "none" => {
            // Options of SSH that nobody uses are still checked.
            CommunicatorChoice::None { key_pair: decode_ssh(fields, false).ssh_keypair_name }
        }
        "" | "ssh" => CommunicatorChoice::Ssh(Box::new(decode_ssh(fields, true))),
        "winrm" => {
            fields.error_at("communicator", "communicator \"winrm\" is not supported yet", NO_WINRM);
            CommunicatorChoice::None { key_pair: decode_ssh(fields, false).ssh_keypair_name }
        }
        other => {
            if !fields.is_unknown("communicator") {
                let diagnostic = Diagnostic::error(format!("unknown communicator {other:?}"))
                    .at_some(fields.span_of("communicator"))
                    .detail("not one of none, ssh, winrm")
                    .suggest(other, ["none", "ssh", "winrm"]);
                fields.push(diagnostic);
            }
            CommunicatorChoice::Ssh(Box::new(decode_ssh(fields, true)))
        }
    }
}

/// `connects`: somebody logs in with what is decoded.
fn decode_ssh(fields: &mut Fields<'_>, connects: bool) -> SshConfig {
    let user = fields.text("ssh_username").unwrap_or_default();
    let private_key_file = path(fields, "ssh_private_key_file");
    let key = load_key(fields, "ssh_private_key_file", private_key_file.as_ref(), "ssh_certificate_file", None);
    let credentials = Credentials {
        agent: fields.flag("ssh_agent_auth").unwrap_or(false),
        keys: key.iter().cloned().collect(),
        password: fields.text("ssh_password").filter(|password| !password.is_empty()),
        interactive: false,
        password_first: false,
    };
    let ssh_keypair_name = fields.text("ssh_keypair_name").unwrap_or_default();
    if connects && !ssh_keypair_name.is_empty() && private_key_file.is_none() && !credentials.agent {
        let summary = "\"ssh_keypair_name\" without its private key";
        fields.error_at("ssh_keypair_name", summary, "set ssh_private_key_file, or ssh_agent_auth = true");
    }
    let hop = Hop {
        host: fields.text("ssh_host").unwrap_or_default(),
        port: port(fields, "ssh_port", 22),
        user,
        credentials,
    };
    let via = via(fields, &hop, key.as_ref());
    let (timeout, handshake_attempts) = patience(fields);
    refuse_internal(fields);
    SshConfig {
        settings: settings(fields),
        hop,
        via,
        quiet: false,
        private_key_file,
        ssh_keypair_name,
        temporary_key_pair_name: fields.text("temporary_key_pair_name").unwrap_or_default(),
        temporary_key_pair_type: key_type(fields),
        clear_authorized_keys: fields.flag("ssh_clear_authorized_keys").unwrap_or(false),
        pty: fields.flag("ssh_pty").unwrap_or(false),
        timeout,
        handshake_attempts,
        pause_before_connecting: fields.duration("pause_before_connecting").unwrap_or_default(),
        method: method(fields),
    }
}

/// Where the peer's builders keep the key pair that they made, as lists of bytes: a name that a template can write,
/// and that most of them overwrite.
fn refuse_internal(fields: &mut Fields<'_>) {
    for (name, instead) in [
        ("ssh_private_key", "name a file with the key: ssh_private_key_file"),
        ("ssh_public_key", "the public half is taken from the private one: set ssh_private_key_file alone"),
    ] {
        if fields.asks(name) {
            fields.error_at(name, format!("\"{name}\" is set by builders, not by templates"), instead);
        }
    }
}

fn no_agent() -> bool {
    std::env::var_os("SSH_AUTH_SOCK").is_none_or(|socket| socket.is_empty())
}

/// The two limits have a default only together: who sets one means the other to have none.
fn patience(fields: &mut Fields<'_>) -> (Option<Duration>, Option<u32>) {
    let timeout = fields.duration("ssh_timeout");
    let old = fields.duration("ssh_wait_timeout");
    if let Some(span) = fields.span_of("ssh_wait_timeout") {
        let warning = Diagnostic::warning("\"ssh_wait_timeout\" is an old name").at(span);
        fields.push(warning.help("write ssh_timeout"));
    }
    let timeout = old.or(timeout).filter(|timeout| !timeout.is_zero());
    let attempts = fields.integer("ssh_handshake_attempts").filter(|attempts| *attempts != 0);
    // With a negative number, as with 1, the first refusal is the last.
    let limited = attempts.map(|attempts| u32::try_from(attempts.max(1)).unwrap_or(u32::MAX));
    match (timeout, limited) {
        (None, None) => (Some(TIMEOUT), Some(ATTEMPTS)),
        given => given,
    }
}

fn settings(fields: &mut Fields<'_>) -> Settings {
    let keep_alive = match fields.text("ssh_keep_alive_interval").filter(|text| !text.is_empty()) {
        None => Some(KEEP_ALIVE),
        // Negative: never.
        Some(text) if text.starts_with('-') => None,
        Some(text) => match crate::eval::duration::parse(&text) {
            Ok(pause) => Some(if pause.is_zero() { KEEP_ALIVE } else { pause }),
            Err(error) => {
                if !fields.is_unknown("ssh_keep_alive_interval") {
                    let summary = "\"ssh_keep_alive_interval\" is not a duration";
                    fields.error_at("ssh_keep_alive_interval", summary, error.to_string());
                }
                None
            }
        },
    };
    Settings {
        ciphers: algorithms(fields, "ssh_ciphers", &ciphers()),
        key_exchanges: algorithms(fields, "ssh_key_exchange_algorithms", &key_exchanges()),
        keep_alive,
        silence: fields.duration("ssh_read_write_timeout").filter(|silence| !silence.is_zero()),
        forward_agent: !fields.flag("ssh_disable_agent_forwarding").unwrap_or(false) && !no_agent(),
        local_tunnels: tunnels(fields, "ssh_local_tunnels"),
        remote_tunnels: tunnels(fields, "ssh_remote_tunnels"),
    }
}

fn algorithms(fields: &mut Fields<'_>, name: &'static str, known: &[&'static str]) -> Vec<String> {
    let given = fields.texts(name).unwrap_or_default();
    if !fields.is_unknown(name) {
        for unknown in given.iter().filter(|given| !known.contains(&given.as_str())) {
            let diagnostic = Diagnostic::error(format!("unknown algorithm {unknown:?} in \"{name}\""))
                .at_some(fields.span_of(name))
                .detail(format!("one of {}", known.join(", ")))
                .suggest(unknown, known.iter().copied());
            fields.push(diagnostic);
        }
    }
    given
}

/// `PORT:HOST:PORT`.
fn tunnels(fields: &mut Fields<'_>, name: &'static str) -> Vec<Tunnel> {
    let given = fields.texts(name).unwrap_or_default();
    let parse = |text: &str| {
        let (port, rest) = text.split_once(':')?;
        let (host, target) = rest.rsplit_once(':')?;
        let tunnel = Tunnel { port: port.parse().ok()?, host: host.to_owned(), target: target.parse().ok()? };
        (!tunnel.host.is_empty() && tunnel.port != 0 && tunnel.target != 0).then_some(tunnel)
    };
    let mut tunnels = Vec::new();
    for text in &given {
        match parse(text) {
            Some(tunnel) => tunnels.push(tunnel),
            None if fields.is_unknown(name) => {}
            None => fields.error_at(name, format!("{text:?} is not a tunnel"), "as in 8080:localhost:80"),
        }
    }
    tunnels
}

fn via(fields: &mut Fields<'_>, hop: &Hop, key: Option<&Key>) -> Via {
    let bastion = bastion(fields, hop, key);
    let proxy = Proxy {
        host: fields.text("ssh_proxy_host").unwrap_or_default(),
        port: port(fields, "ssh_proxy_port", 1080),
        username: fields.text("ssh_proxy_username").unwrap_or_default(),
        password: fields.text("ssh_proxy_password").unwrap_or_default(),
    };
    match bastion {
        Some(bastion) => {
            if !proxy.host.is_empty() {
                fields.error_at("ssh_proxy_host", "both a bastion and a proxy", "one of them");
            }
            Via::Bastion(Box::new(bastion))
        }
        None if proxy.host.is_empty() => Via::Direct,
        None => Via::Proxy(proxy),
    }
}

fn bastion(fields: &mut Fields<'_>, hop: &Hop, key: Option<&Key>) -> Option<Hop> {
    let host = fields.text("ssh_bastion_host").unwrap_or_default();
    let port = port(fields, "ssh_bastion_port", 22);
    let user = fields.text("ssh_bastion_username").unwrap_or_default();
    let password = fields.text("ssh_bastion_password").filter(|password| !password.is_empty());
    let interactive = fields.flag("ssh_bastion_interactive").unwrap_or(false);
    let agent = fields.flag("ssh_bastion_agent_auth").unwrap_or(false);
    let file = path(fields, "ssh_bastion_private_key_file");
    let own = load_key(fields, "ssh_bastion_private_key_file", file.as_ref(), "ssh_bastion_certificate_file", key);
    if host.is_empty() {
        return None;
    }
    // The machine's own key opens the bastion too, unless there is another one.
    let keys: Vec<Key> = own.or_else(|| key.cloned()).into_iter().collect();
    if !agent && keys.is_empty() && password.is_none() && !interactive && file.is_none() {
        let summary = "the bastion has no way in";
        let detail = "set ssh_bastion_private_key_file, ssh_bastion_password, ssh_bastion_agent_auth or \
                      ssh_bastion_interactive";
        fields.error_at("ssh_bastion_host", summary, detail);
    }
    if interactive && password.is_none() && !fields.is_unknown("ssh_bastion_password") {
        let summary = "\"ssh_bastion_interactive\" without an answer to the bastion's questions";
        let detail = "nobody sits at a build's terminal: set ssh_bastion_password, which answers every question";
        fields.error_at("ssh_bastion_interactive", summary, detail);
    }
    let user = if user.is_empty() { hop.user.clone() } else { user };
    // As in the peer, which offers to a bastion first what it offers to a machine last.
    let credentials = Credentials { agent, keys, password, interactive, password_first: true };
    Some(Hop { host, port, user, credentials })
}

/// A file's path; `~` is the home of who runs us.
fn path(fields: &mut Fields<'_>, name: &'static str) -> Option<PathBuf> {
    let given = fields.text(name).filter(|given| !given.is_empty())?;
    let home = std::env::var_os("HOME").map(PathBuf::from);
    Some(match (given.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => fields.interpolation().cwd.join(given),
    })
}

/// `instead`: the key of a certificate that comes without a file.
fn load_key(
    fields: &mut Fields<'_>,
    name: &'static str,
    file: Option<&PathBuf>,
    certificate_name: &'static str,
    instead: Option<&Key>,
) -> Option<Key> {
    let certificate = path(fields, certificate_name);
    if fields.is_unknown(name) || fields.is_unknown(certificate_name) {
        return None;
    }
    let key = match (file.map(|file| Key::load(file)), instead) {
        (Some(Ok(key)), _) => key,
        (Some(Err(reason)), _) => {
            fields.error_at(name, format!("\"{name}\" cannot be used"), reason);
            return None;
        }
        (None, Some(key)) => {
            certificate.as_ref()?;
            key.clone()
        }
        (None, None) => {
            if let (Some(_), Some(span)) = (certificate, fields.span_of(certificate_name)) {
                let warning = Diagnostic::warning("a certificate without its private key is not used").at(span);
                fields.push(warning.help(format!("set {name}, or take it out")));
            }
            return None;
        }
    };
    let Some(certificate) = certificate else { return Some(key) };
    match key.with_certificate(&certificate) {
        Ok(key) => Some(key),
        Err(reason) => {
            fields.error_at(certificate_name, format!("\"{certificate_name}\" cannot be used"), reason);
            None
        }
    }
}

fn port(fields: &mut Fields<'_>, name: &'static str, default: u16) -> u16 {
    match fields.integer(name) {
        None | Some(0) => default,
        Some(given) => u16::try_from(given).unwrap_or_else(|_| {
            fields.error_at(name, format!("\"{name}\" is no port"), "1 to 65535");
            default
        }),
    }
}

fn key_type(fields: &mut Fields<'_>) -> String {
    let bits = fields.integer("temporary_key_pair_bits").unwrap_or_default();
    if bits < 0 {
        fields.error_at("temporary_key_pair_bits", "\"temporary_key_pair_bits\" is out of range", "0 or more");
    }
    fields.text("temporary_key_pair_type").unwrap_or_default()
}

fn method(fields: &mut Fields<'_>) -> Method {
    match fields.text("ssh_file_transfer_method").unwrap_or_default().as_str() {
        "" => Method::Fastest,
        "scp" => Method::Scp,
        "sftp" => Method::Sftp,
        other => {
            if !fields.is_unknown("ssh_file_transfer_method") {
                let diagnostic = Diagnostic::error(format!("unknown \"ssh_file_transfer_method\" {other:?}"))
                    .at_some(fields.span_of("ssh_file_transfer_method"))
                    .detail("scp or sftp; without it, the fastest that the machine has")
                    .suggest(other, ["scp", "sftp"]);
                fields.push(diagnostic);
            }
            Method::Fastest
        }
    }
}
