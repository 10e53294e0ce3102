//! Values of `docker run` flags that have a syntax of their own: sizes, ports, mounts, devices, limits.
//!
//! Errors are phrases that follow the flag's name.

use std::path::Path;

use crate::client::docker::{MountKind, MountSpec, PortSpec};

type Parsed<T> = Result<T, String>;

/// A boolean as the command line reads it.
pub(super) fn flag(text: &str) -> Parsed<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub(super) fn integer(text: &str) -> Parsed<i64> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number"))
}

/// Bytes with an optional unit of 1024s: `64m`, `1.5g`, `512KiB`.
pub(super) fn bytes(text: &str) -> Parsed<i64> {
    if text == "-1" {
        return Ok(-1);
    }
    let error = || format!("{text:?} is not a size; write it like \"512m\" or \"2g\"");
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let number: f64 = lower[..end].parse().map_err(|_| error())?;
    let unit = lower[end..].trim().trim_end_matches('b').trim_end_matches('i');
    let power = match unit {
        "" => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return Err(error()),
    };
    let size = number * 1024_f64.powi(power);
    // Above 2^63 a float does not convert to what was meant.
    if size >= i64::MAX as f64 { Err(error()) } else { Ok(size as i64) }
}

/// `--cpus`: a decimal number of processors, as billionths.
pub(super) fn cpus(text: &str) -> Parsed<i64> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number < 1e6 => Ok((number * 1e9).round() as i64),
        _ => Err(format!("{text:?} is not a number of processors")),
    }
}

/// `name=value`, as `--sysctl`, `--storage-opt` and `--log-opt` take it.
pub(super) fn pair(text: &str) -> Parsed<(String, String)> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not of the form name=value")),
    }
}

/// `host[:inside[:permissions]]`
pub(super) fn device(text: &str) -> Parsed<(String, String, String)> {
    let is_mode = |part: &str| !part.is_empty() && part.chars().all(|c| "rwm".contains(c));
    let parts: Vec<&str> = text.split(':').collect();
    let (inside, mode) = match parts[..] {
        [host] => (host, "rwm"),
        [host, mode] if is_mode(mode) => (host, mode),
        [_, inside] => (inside, "rwm"),
        [_, inside, mode] if is_mode(mode) => (inside, mode),
        _ => return Err(format!("{text:?} is not of the form /dev/x[:/dev/y[:rwm]]")),
    };
    Ok((parts[0].to_owned(), inside.to_owned(), mode.to_owned()))
}

/// `name=soft[:hard]`
pub(super) fn ulimit(text: &str) -> Parsed<(String, i64, i64)> {
    let (name, limits) = pair(text)?;
    let (soft, hard) = limits.split_once(':').unwrap_or((&limits, &limits));
    Ok((name, integer(soft)?, integer(hard)?))
}

/// `no`, `always`, `unless-stopped`, `on-failure[:retries]`
pub(super) fn restart(text: &str) -> Parsed<(String, i64)> {
    let (policy, retries) = match text.split_once(':') {
        Some((policy, retries)) => (policy, integer(retries)?),
        None => (text, 0),
    };
    match policy {
        "no" | "always" | "unless-stopped" if retries == 0 => Ok((policy.to_owned(), 0)),
        "on-failure" => Ok((policy.to_owned(), retries)),
        _ => Err(format!("{text:?} is not a restart policy")),
    }
}

/// `all` or a number; the longer forms select devices, which is not supported.
pub(super) fn gpus(text: &str) -> Parsed<i64> {
    match text {
        "all" => Ok(-1),
        other => other.parse().map_err(|_| format!("{text:?} is neither \"all\" nor a number")),
    }
}

/// `[[ip:]host:]inside[/protocol]`, single ports.
pub(super) fn port(text: &str) -> Parsed<PortSpec> {
    let error =
        || format!("{text:?} is not of the form [[ip:]host-port:]port[/tcp|udp|sctp]; ranges are not supported");
    let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (rest, inside) = rest.rsplit_once(':').map_or(("", rest), |(rest, inside)| (rest, inside));
    let (ip, host) = rest.rsplit_once(':').unwrap_or(("", rest));
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if !is_port(inside) || !(host.is_empty() || is_port(host)) || !["tcp", "udp", "sctp"].contains(&protocol) {
        return Err(error());
    }
    Ok(PortSpec {
        inside: format!("{inside}/{protocol}"),
        host_ip: ip.trim_matches(['[', ']']).to_owned(),
        host_port: host.to_owned(),
    })
}

/// `--mount type=bind,source=/a,target=/b,readonly`
pub(super) fn mount(text: &str) -> Parsed<MountSpec> {
    let mut spec = MountSpec::default();
    for part in text.split(',') {
        let (key, value) = part.split_once('=').unwrap_or((part, "true"));
        match key {
            "type" => {
                spec.kind = match value {
                    "bind" => MountKind::Bind,
                    "volume" => MountKind::Volume,
                    "tmpfs" => MountKind::Tmpfs,
                    _ => return Err(format!("{value:?} is not a supported type of mount")),
                };
            }
            "source" | "src" => spec.source = value.to_owned(),
            "target" | "destination" | "dst" => spec.target = value.to_owned(),
            "readonly" | "ro" => spec.read_only = flag(value)?,
            "bind-propagation" => spec.propagation = value.to_owned(),
            "tmpfs-size" => spec.tmpfs_size = Some(bytes(value)?),
            _ => return Err(format!("{key:?} is not a supported key of a mount")),
        }
    }
    match spec.target.is_empty() {
        true => Err("a mount needs a target".to_owned()),
        false => Ok(spec),
    }
}

/// What `--security-opt` sends to the engine: the profile itself in place of its path, `=` in place of an old `:`.
pub(super) fn security_opt(text: &str) -> Parsed<String> {
    let text = match text.split_once(':') {
        Some((key, value)) if !text.contains('=') => format!("{key}={value}"),
        _ => text.to_owned(),
    };
    match text.strip_prefix("seccomp=") {
        None | Some("unconfined" | "builtin") => Ok(text),
        Some(path) => {
            let profile = read(Path::new(path))?;
            let profile: serde_json::Value =
                serde_json::from_str(&profile).map_err(|e| format!("{path} is not JSON: {e}"))?;
            Ok(format!("seccomp={profile}"))
        }
    }
}

/// One `--env`: a bare name takes its value from our environment and vanishes when it has none there.
pub(super) fn env(text: &str) -> Parsed<Option<String>> {
    match text.split_once('=') {
        Some(("", _)) => Err(format!("{text:?} has no name")),
        Some(_) => Ok(Some(text.to_owned())),
        None if text.is_empty() => Err("the name of a variable is empty".to_owned()),
        None => Ok(std::env::var(text).ok().map(|value| format!("{text}={value}"))),
    }
}

pub(super) fn env_file(path: &str) -> Parsed<Vec<String>> {
    let text = read(Path::new(path))?;
    let lines = text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(|line| env(line).transpose()).collect()
}

fn read(path: &Path) -> Parsed<String> {
    std::fs::read_to_string(path).map_err(|e| format!("could not read {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ports() {
        for (text, size) in [("64m", 64 << 20), ("1.5g", 3 << 29), ("512", 512), ("2KiB", 2048), ("1kb", 1024)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        assert!(bytes("much").is_err() && bytes("9999999999g").is_err() && bytes("").is_err());
        let bound = port("127.0.0.1:8080:80/udp").unwrap();
        assert_eq!(
            (bound.inside.as_str(), bound.host_ip.as_str(), bound.host_port.as_str()),
            ("80/udp", "127.0.0.1", "8080")
        );
        assert_eq!(port("80").unwrap().host_port, "");
        assert!(port("80-90:80-90").is_err() && port("x").is_err() && port("1:2/icmp").is_err());
    }

    #[test]
    fn devices_limits_and_mounts() {
        assert_eq!(device("/dev/kvm").unwrap(), ("/dev/kvm".into(), "/dev/kvm".into(), "rwm".into()));
        assert_eq!(device("/dev/a:/dev/b:r").unwrap(), ("/dev/a".into(), "/dev/b".into(), "r".into()));
        assert_eq!(device("/dev/a:rw").unwrap(), ("/dev/a".into(), "/dev/a".into(), "rw".into()));
        assert_eq!(ulimit("nofile=1:2").unwrap(), ("nofile".into(), 1, 2));
        let spec = mount("type=bind,src=/a,dst=/b,readonly").unwrap();
        assert!(spec.kind == MountKind::Bind && spec.read_only && spec.target == "/b");
        assert!(mount("type=bind,src=/a").is_err() && mount("type=x,dst=/a").is_err());
        assert_eq!(security_opt("seccomp:unconfined").unwrap(), "seccomp=unconfined");
        assert!(security_opt("seccomp=/no/such/profile.json").is_err());
    }
}
