//! Arguments of `docker run`, which `run_command` and the builder's own options are written in, as a container spec.
//!
//! An unknown flag is an error that names it: dropping it would build something else than was asked for.

use super::run_values as value;
use crate::client::docker::ContainerSpec;
use crate::diagnostic::nearest;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RunCommandError {
    #[error("unknown flag {flag}{}", suggestion.map(|near| format!("; did you mean --{near}?")).unwrap_or_default())]
    Unknown { flag: String, suggestion: Option<&'static str> },
    #[error("flag {0} needs a value")]
    NoValue(String),
    #[error("flag --{flag}: {reason}")]
    Value { flag: &'static str, reason: String },
    #[error("there is no image: after the flags comes {{{{ .Image }}}}")]
    NoImage,
    #[error("flag --{0} is not supported in run_command")]
    Unsupported(&'static str),
}

/// When the image is fetched (`--pull`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pull {
    Always,
    #[default]
    Missing,
    Never,
}

/// A whole command line, read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RunCommand {
    pub spec: ContainerSpec,
    /// `--name`
    pub name: Option<String>,
    pub pull: Pull,
}

type Apply = Result<(), String>;

enum Kind {
    /// Needs no value, but takes one after `=`.
    Flag(fn(&mut RunCommand, bool)),
    Value(fn(&mut RunCommand, &str) -> Apply),
    /// Known to `docker run`, with no sense or no support here.
    Unsupported,
}
use Kind::{Flag, Unsupported, Value};

/// Long name, short name, effect.
const FLAGS: &[(&str, Option<char>, Kind)] = &[
    ("add-host", None, Value(|r, v| push(&mut r.spec.add_hosts, v))),
    ("attach", Some('a'), Unsupported),
    ("cap-add", None, Value(|r, v| push(&mut r.spec.cap_add, v))),
    ("cap-drop", None, Value(|r, v| push(&mut r.spec.cap_drop, v))),
    ("cgroup-parent", None, Value(|r, v| set(&mut r.spec.cgroup_parent, v))),
    ("cgroupns", None, Value(|r, v| one_of(&mut r.spec.cgroupns, v, &["host", "private", ""]))),
    ("cpu-period", None, Value(|r, v| put(&mut r.spec.cpu_period, value::integer(v)))),
    ("cpu-quota", None, Value(|r, v| put(&mut r.spec.cpu_quota, value::integer(v)))),
    ("cpu-shares", Some('c'), Value(|r, v| put(&mut r.spec.cpu_shares, value::integer(v)))),
    ("cpus", None, Value(|r, v| put(&mut r.spec.nano_cpus, value::cpus(v)))),
    ("cpuset-cpus", None, Value(|r, v| set(&mut r.spec.cpuset_cpus, v))),
    ("cpuset-mems", None, Value(|r, v| set(&mut r.spec.cpuset_mems, v))),
    // Every container of a build runs in the background.
    ("detach", Some('d'), Flag(|_, _| {})),
    ("device", None, Value(|r, v| add(&mut r.spec.devices, value::device(v)))),
    ("device-cgroup-rule", None, Value(|r, v| push(&mut r.spec.device_cgroup_rules, v))),
    ("dns", None, Value(|r, v| push(&mut r.spec.dns, v))),
    ("dns-opt", None, Value(|r, v| push(&mut r.spec.dns_options, v))),
    ("dns-option", None, Value(|r, v| push(&mut r.spec.dns_options, v))),
    ("dns-search", None, Value(|r, v| push(&mut r.spec.dns_search, v))),
    ("domainname", None, Value(|r, v| set(&mut r.spec.domainname, v))),
    ("entrypoint", None, Value(entrypoint)),
    ("env", Some('e'), Value(|r, v| value::env(v).map(|env| r.spec.env.extend(env)))),
    ("env-file", None, Value(|r, v| value::env_file(v).map(|env| r.spec.env.extend(env)))),
    (
        "expose",
        None,
        Value(|r, v| push(&mut r.spec.expose, &if v.contains('/') { v.to_owned() } else { format!("{v}/tcp") })),
    ),
    ("gpus", None, Value(|r, v| put(&mut r.spec.gpus, value::gpus(v)))),
    ("group-add", None, Value(|r, v| push(&mut r.spec.group_add, v))),
    ("help", None, Unsupported),
    ("hostname", Some('h'), Value(|r, v| set(&mut r.spec.hostname, v))),
    ("init", None, Flag(|r, on| r.spec.init = on)),
    ("interactive", Some('i'), Flag(|r, on| r.spec.open_stdin = on)),
    ("ip", None, Value(|r, v| set(&mut r.spec.ip, v))),
    ("ip6", None, Value(|r, v| set(&mut r.spec.ip6, v))),
    ("ipc", None, Value(|r, v| set(&mut r.spec.ipc, v))),
    ("label", Some('l'), Value(label)),
    ("link", None, Value(|r, v| push(&mut r.spec.links, v))),
    ("log-driver", None, Value(|r, v| set(&mut r.spec.log_driver, v))),
    ("log-opt", None, Value(|r, v| value::pair(v).map(|(key, value)| drop(r.spec.log_opts.insert(key, value))))),
    ("memory", Some('m'), Value(|r, v| put(&mut r.spec.memory, value::bytes(v)))),
    ("memory-reservation", None, Value(|r, v| put(&mut r.spec.memory_reservation, value::bytes(v)))),
    ("memory-swap", None, Value(|r, v| put(&mut r.spec.memory_swap, value::bytes(v)))),
    ("mount", None, Value(|r, v| add(&mut r.spec.mounts, value::mount(v)))),
    ("name", None, Value(container_name)),
    ("net", None, Value(|r, v| set(&mut r.spec.network, v))),
    ("net-alias", None, Value(|r, v| push(&mut r.spec.network_aliases, v))),
    ("network", None, Value(|r, v| set(&mut r.spec.network, v))),
    ("network-alias", None, Value(|r, v| push(&mut r.spec.network_aliases, v))),
    ("no-healthcheck", None, Flag(|r, on| r.spec.no_healthcheck = on)),
    ("oom-score-adj", None, Value(|r, v| put(&mut r.spec.oom_score_adj, value::integer(v)))),
    ("pid", None, Value(|r, v| set(&mut r.spec.pid, v))),
    ("pids-limit", None, Value(|r, v| put(&mut r.spec.pids_limit, value::integer(v)))),
    ("platform", None, Value(|r, v| set(&mut r.spec.platform, v))),
    ("privileged", None, Flag(|r, on| r.spec.privileged = on)),
    ("publish", Some('p'), Value(|r, v| add(&mut r.spec.ports, value::port(v)))),
    ("publish-all", Some('P'), Flag(|r, on| r.spec.publish_all = on)),
    ("pull", None, Value(pull)),
    // Nothing of the engine's talk is printed anyway.
    ("quiet", Some('q'), Flag(|_, _| {})),
    ("read-only", None, Flag(|r, on| r.spec.read_only = on)),
    ("restart", None, Value(|r, v| put(&mut r.spec.restart, value::restart(v)))),
    ("rm", None, Flag(|r, on| r.spec.auto_remove = on)),
    ("runtime", None, Value(|r, v| set(&mut r.spec.runtime, v))),
    ("security-opt", None, Value(security_opt)),
    ("shm-size", None, Value(|r, v| put(&mut r.spec.shm_size, value::bytes(v)))),
    // Signals reach the container through the engine only.
    ("sig-proxy", None, Flag(|_, _| {})),
    ("stop-signal", None, Value(|r, v| set(&mut r.spec.stop_signal, v))),
    ("stop-timeout", None, Value(|r, v| put(&mut r.spec.stop_timeout, value::integer(v)))),
    (
        "storage-opt",
        None,
        Value(|r, v| value::pair(v).map(|(key, value)| drop(r.spec.storage_opts.insert(key, value)))),
    ),
    ("sysctl", None, Value(|r, v| value::pair(v).map(|(key, value)| drop(r.spec.sysctls.insert(key, value))))),
    ("tmpfs", None, Value(tmpfs)),
    ("tty", Some('t'), Flag(|r, on| r.spec.tty = on)),
    ("ulimit", None, Value(|r, v| add(&mut r.spec.ulimits, value::ulimit(v)))),
    ("user", Some('u'), Value(|r, v| set(&mut r.spec.user, v))),
    ("userns", None, Value(|r, v| set(&mut r.spec.userns, v))),
    ("uts", None, Value(|r, v| set(&mut r.spec.uts, v))),
    ("volume", Some('v'), Value(volume)),
    ("volume-driver", None, Value(|r, v| set(&mut r.spec.volume_driver, v))),
    ("volumes-from", None, Value(|r, v| push(&mut r.spec.volumes_from, v))),
    ("workdir", Some('w'), Value(|r, v| set(&mut r.spec.workdir, v))),
];

/// Reads the arguments after `docker run`: flags, then the image, then the container's command.
pub(super) fn parse(args: &[String]) -> Result<RunCommand, RunCommandError> {
    let mut run = RunCommand::default();
    let mut args = args.iter().map(String::as_str);
    let image = loop {
        match args.next() {
            None => return Err(RunCommandError::NoImage),
            Some("--") => break args.next().ok_or(RunCommandError::NoImage)?,
            Some(arg) if arg.starts_with("--") => long(&mut run, &arg[2..], &mut args)?,
            Some(arg) if arg.starts_with('-') && arg.len() > 1 => short(&mut run, &arg[1..], &mut args)?,
            Some(image) => break image,
        }
    };
    if image.is_empty() {
        return Err(RunCommandError::NoImage);
    }
    run.spec.image = image.to_owned();
    run.spec.command = args.map(str::to_owned).collect();
    Ok(run)
}

fn long<'a>(
    run: &mut RunCommand,
    arg: &'a str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<(), RunCommandError> {
    let (name, given) = arg.split_once('=').map_or((arg, None), |(name, given)| (name, Some(given)));
    let unknown = || RunCommandError::Unknown {
        flag: format!("--{name}"),
        suggestion: nearest(name, FLAGS.iter().map(|(known, ..)| *known)),
    };
    let (flag, _, kind) = FLAGS.iter().find(|(known, ..)| *known == name).ok_or_else(unknown)?;
    apply(run, flag, kind, given, rest)
}

/// A bundle such as `-dit` or `-uroot`: the first letter that takes a value takes the rest.
fn short<'a>(
    run: &mut RunCommand,
    bundle: &'a str,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<(), RunCommandError> {
    let mut at = bundle;
    while let Some(letter) = at.chars().next() {
        at = &at[letter.len_utf8()..];
        let unknown = || RunCommandError::Unknown { flag: format!("-{letter}"), suggestion: None };
        let (flag, _, kind) = FLAGS.iter().find(|(_, known, _)| *known == Some(letter)).ok_or_else(unknown)?;
        let value = at.strip_prefix('=');
        match kind {
            Flag(_) if value.is_none() => apply(run, flag, kind, None, rest)?,
            _ => {
                let given = value.or(Some(at).filter(|at| !at.is_empty()));
                return apply(run, flag, kind, given, rest);
            }
        }
    }
    Ok(())
}

fn apply<'a>(
    run: &mut RunCommand,
    flag: &'static str,
    kind: &Kind,
    given: Option<&'a str>,
    rest: &mut impl Iterator<Item = &'a str>,
) -> Result<(), RunCommandError> {
    let wrong = |reason| RunCommandError::Value { flag, reason };
    match kind {
        Flag(effect) => effect(run, given.map_or(Ok(true), value::flag).map_err(wrong)?),
        Value(effect) => {
            let given = given.or_else(|| rest.next()).ok_or_else(|| RunCommandError::NoValue(format!("--{flag}")))?;
            effect(run, given).map_err(wrong)?;
        }
        Unsupported => return Err(RunCommandError::Unsupported(flag)),
    }
    Ok(())
}

fn push(list: &mut Vec<String>, text: &str) -> Apply {
    list.push(text.to_owned());
    Ok(())
}

fn set(field: &mut String, text: &str) -> Apply {
    text.clone_into(field);
    Ok(())
}

fn put<T>(field: &mut Option<T>, parsed: Result<T, String>) -> Apply {
    *field = Some(parsed?);
    Ok(())
}

fn add<T>(list: &mut Vec<T>, parsed: Result<T, String>) -> Apply {
    list.push(parsed?);
    Ok(())
}

fn one_of(field: &mut String, text: &str, known: &[&str]) -> Apply {
    if !known.contains(&text) {
        return Err(format!("{text:?} is none of {}", known.join(", ")));
    }
    set(field, text)
}

/// An empty one clears the image's: `docker run --entrypoint=`.
fn entrypoint(run: &mut RunCommand, text: &str) -> Apply {
    run.spec.entrypoint = Some(vec![text.to_owned()]);
    Ok(())
}

fn label(run: &mut RunCommand, text: &str) -> Apply {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    run.spec.labels.insert(key.to_owned(), value.to_owned());
    Ok(())
}

fn container_name(run: &mut RunCommand, text: &str) -> Apply {
    let start = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if text.len() < 2 || !start || !text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Err(format!("{text:?} is not a container name"));
    }
    run.name = Some(text.to_owned());
    Ok(())
}

fn pull(run: &mut RunCommand, text: &str) -> Apply {
    run.pull = match text {
        "always" => Pull::Always,
        "missing" => Pull::Missing,
        "never" => Pull::Never,
        _ => return Err(format!("{text:?} is none of always, missing, never")),
    };
    Ok(())
}

fn security_opt(run: &mut RunCommand, text: &str) -> Apply {
    match text {
        "systempaths=unconfined" => run.spec.unmasked_paths = true,
        _ => run.spec.security_opt.push(value::security_opt(text)?),
    }
    Ok(())
}

fn tmpfs(run: &mut RunCommand, text: &str) -> Apply {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    run.spec.tmpfs.insert(path.to_owned(), options.to_owned());
    Ok(())
}

/// `host:container[:options]` or a path inside alone, which is an anonymous volume.
fn volume(run: &mut RunCommand, text: &str) -> Apply {
    match text.split_once(':') {
        // As the command line does; any other host part without a slash in front is the name of a volume.
        Some((host, inside)) if host.starts_with('.') && !inside.is_empty() => {
            let host = std::path::absolute(host).map_err(|e| format!("{host}: {e}"))?;
            run.spec.binds.push(format!("{}:{inside}", host.display()));
        }
        Some((host, inside)) if !host.is_empty() && !inside.is_empty() => run.spec.binds.push(text.to_owned()),
        Some(_) => return Err(format!("{text:?} is not of the form host:container[:options]")),
        None => run.spec.volumes.push(text.to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_default_command() {
        let run = parse(&args("-d -i -t --entrypoint=/bin/sh -- debian:12")).unwrap();
        assert!(run.spec.tty && run.spec.open_stdin);
        assert_eq!(run.spec.entrypoint, Some(vec!["/bin/sh".to_owned()]));
        assert_eq!((run.spec.image.as_str(), run.spec.command.len()), ("debian:12", 0));
    }

    #[test]
    fn flags_in_every_spelling() {
        let line = "-dit -uroot -e A=1 -eB=2 --env=C=3 --name box --net host -v /a:/b:ro -v /anon --privileged=false \
                    --cgroupns=host --tmpfs /run:rw --init --add-host a:1.2.3.4 -h name -m 1g -p 8080:80 \
                    --security-opt seccomp=unconfined img /sbin/init --flag-of-init -x";
        let run = parse(&args(line)).unwrap();
        assert_eq!(run.spec.env, ["A=1", "B=2", "C=3"]);
        assert_eq!(
            (run.name.as_deref(), run.spec.network.as_str(), run.spec.user.as_str()),
            (Some("box"), "host", "root")
        );
        assert_eq!(
            (run.spec.binds.as_slice(), run.spec.volumes.as_slice()),
            (&["/a:/b:ro".to_owned()][..], &["/anon".to_owned()][..])
        );
        assert!(!run.spec.privileged && run.spec.init);
        assert_eq!((run.spec.memory, run.spec.hostname.as_str()), (Some(1 << 30), "name"));
        assert_eq!(run.spec.command, ["/sbin/init", "--flag-of-init", "-x"]);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, text) in [
            ("--netwrok=host img", "unknown flag --netwrok; did you mean --network?"),
            ("-z img", "unknown flag -z"),
            ("-d -i", "there is no image"),
            ("-d --", "there is no image"),
            ("--user", "flag --user needs a value"),
            ("--memory=much img", "flag --memory: \"much\" is not a size"),
            ("--tty=maybe img", "flag --tty: \"maybe\" is neither true nor false"),
            ("--attach stdout img", "flag --attach is not supported"),
            ("-v :/x img", "flag --volume"),
        ] {
            let error = parse(&args(line)).unwrap_err().to_string();
            assert!(error.starts_with(text), "{line}: {error}");
        }
    }
}
