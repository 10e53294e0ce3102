//! Ways in to a machine with OpenSSH's server: keys, certificates, agents, passwords, and what is in between.

use std::process::{Command, Stdio};

use crate::support::socks::Socks;
use crate::support::sshd::{Agent, Sshd, certificate, free_port, key, key_of_type, machine, shell, template, text};

#[test]
fn every_way_in_is_tried_and_refusals_name_what_was() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let stranger = key(folder.path(), "stranger");
    let authority = key(folder.path(), "ca");
    let sshd = Sshd::start(
        &own,
        &[
            "PasswordAuthentication=yes",
            "KbdInteractiveAuthentication=yes",
            "UsePAM=yes",
            "TrustedUserCAKeys=/etc/ca.pub",
        ],
    );
    sshd.copy_in(&authority.with_extension("pub"), "/etc/ca.pub");
    let certificate = certificate(&authority, &stranger);
    let agent = Agent::with(&own);

    let ways = [
        format!("ssh_private_key_file = {}", text(&own)),
        "ssh_password = \"correct horse\"".to_owned(),
        format!("ssh_private_key_file = {}\nssh_certificate_file = {}", text(&stranger), text(&certificate)),
        "ssh_agent_auth = true".to_owned(),
        format!("ssh_private_key_file = {}\nssh_ciphers = [\"aes128-ctr\"]", text(&own)),
        format!("ssh_private_key_file = {}\nssh_key_exchange_algorithms = [\"ecdh-sha2-nistp256\"]", text(&own)),
    ];
    let step = shell(&["whoami"]);
    let login = |way: &str| {
        let options = format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\n{way}", sshd.address);
        template(&options, &step).env("SSH_AUTH_SOCK", agent.socket.to_str().unwrap())
    };
    for way in &ways {
        let ran = login(way).build(&[]);
        ran.says("null.m: ubuntu").says_not("correct horse");
    }
    let once = "ssh_handshake_attempts = 1";
    let ran = login(&format!("ssh_private_key_file = {}\n{once}", text(&stranger))).fail(&[]);
    ran.says("does not let \"ubuntu\" in").says("key ssh-ed25519 SHA256:").says("check ssh_username");
    let ran = login(&format!("ssh_password = \"wrong pony\"\n{once}")).fail(&[]);
    ran.says("tried: password, keyboard-interactive").says_not("wrong pony");
}

/// The keyboard-interactive method alone, as servers with PAM modules have it.
#[test]
fn questions_are_answered_with_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let only =
        ["PasswordAuthentication=no", "KbdInteractiveAuthentication=yes", "UsePAM=yes", "PubkeyAuthentication=no"];
    let sshd = Sshd::start(&own, &only);
    let login = format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_password = \"correct horse\"", sshd.address);
    template(&login, &shell(&["whoami"])).build(&[]).says("null.m: ubuntu");
}

#[test]
fn a_bastion_and_a_proxy_lead_to_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let other = key(folder.path(), "other");
    let bastion = Sshd::start(&other, &[]);
    let sshd = Sshd::start(&own, &[]);
    let login = |more: &str| {
        format!(
            "ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = {:?}\n{more}",
            sshd.address,
            own.to_str().unwrap()
        )
    };
    let through = format!(
        "ssh_bastion_host = {:?}\nssh_bastion_username = \"ubuntu\"\nssh_bastion_private_key_file = {:?}",
        bastion.address,
        other.to_str().unwrap()
    );
    let step = shell(&["echo from $SSH_CONNECTION"]);
    template(&login(&through), &step).build(&[]).says(&format!("from {} ", bastion.address));

    // OpenSSH's client is a SOCKS5 server too.
    let port = free_port();
    let mut proxy = Command::new("ssh");
    proxy.args(["-N", "-D", &format!("127.0.0.1:{port}"), "-o", "StrictHostKeyChecking=no"]);
    proxy.args(["-o", "UserKnownHostsFile=/dev/null", "-i"]).arg(&other).arg(format!("ubuntu@{}", bastion.address));
    let mut proxy = proxy.stderr(Stdio::null()).spawn().unwrap();
    crate::support::wait("the proxy", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    let through = format!("ssh_proxy_host = \"127.0.0.1\"\nssh_proxy_port = {port}");
    let ran = template(&login(&through), &step).run(&["build", "."]);
    proxy.kill().unwrap();
    proxy.wait().unwrap();
    ran.succeeded().says(&format!("from {} ", bastion.address));
}

/// Current servers take signatures of RSA certificates with SHA-2 only.
#[test]
fn certificates_of_rsa_keys_open_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let stranger = key_of_type(folder.path(), "stranger", "rsa");
    let authority = key(folder.path(), "ca");
    let sshd = Sshd::start(&own, &["TrustedUserCAKeys=/etc/ca.pub"]);
    sshd.copy_in(&authority.with_extension("pub"), "/etc/ca.pub");
    let certificate = certificate(&authority, &stranger);
    let agent = Agent::with(&stranger);
    for way in [
        format!("ssh_private_key_file = {}\nssh_certificate_file = {}", text(&stranger), text(&certificate)),
        "ssh_agent_auth = true".to_owned(),
    ] {
        let options = format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_timeout = \"5s\"\n{way}", sshd.address);
        let workspace = template(&options, &shell(&["whoami"])).env("SSH_AUTH_SOCK", agent.socket.to_str().unwrap());
        workspace.build(&[]).says("null.m: ubuntu");
    }
    assert_eq!(sshd.log().matches("Accepted publickey for ubuntu").count(), 2, "{}", sshd.log());
    assert_eq!(sshd.log().matches("RSA-CERT").count(), 2, "{}", sshd.log());
}

/// Every credential that a bastion can have of its own; without any, the machine's key opens it.
#[test]
fn a_bastion_is_opened_by_its_own_credentials() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let other = key(folder.path(), "other");
    let stranger = key(folder.path(), "stranger");
    let authority = key(folder.path(), "ca");
    let certificate = certificate(&authority, &stranger);
    let agent = Agent::with(&other);
    let sshd = Sshd::start(&own, &[]);
    let questions = ["PasswordAuthentication=no", "KbdInteractiveAuthentication=yes", "UsePAM=yes"];
    let asking = Sshd::start(&other, &questions);
    let bastion = Sshd::start(&other, &["PasswordAuthentication=yes", "TrustedUserCAKeys=/etc/ca.pub"]);
    bastion.copy_in(&authority.with_extension("pub"), "/etc/ca.pub");
    let password = "ssh_bastion_password = \"correct horse\"";
    let certified = format!(
        "ssh_bastion_private_key_file = {}\nssh_bastion_certificate_file = {}",
        text(&stranger),
        text(&certificate)
    );
    let interactive = format!("ssh_bastion_interactive = true\n{password}");
    let build = |through: &Sshd, way: &str, accepted: &str| {
        let options = format!(
            "ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = {}\nssh_timeout = \"10s\"\n\
             ssh_bastion_host = {:?}\n{way}",
            sshd.address,
            text(&own),
            through.address
        );
        let workspace = template(&options, &shell(&["echo from $SSH_CONNECTION"]));
        let ran = workspace.env("SSH_AUTH_SOCK", agent.socket.to_str().unwrap()).build(&[]);
        ran.says(&format!("from {} ", through.address)).says_not("correct horse");
        assert!(through.log().contains(accepted), "{way}: {accepted} in {}", through.log());
    };
    build(&bastion, password, "Accepted password for ubuntu");
    build(&bastion, "ssh_bastion_agent_auth = true", &format!("ssh2: ED25519 {}", fingerprint(&other)));
    build(&bastion, &certified, "ssh2: ED25519-CERT");
    build(&asking, &interactive, "Accepted keyboard-interactive/pam for ubuntu");
    bastion.let_in(&own);
    build(&bastion, "", &format!("ssh2: ED25519 {}", fingerprint(&own)));
}

/// Its socket takes connections, and nobody is behind it: there are other ways in.
#[test]
fn an_agent_that_hangs_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let sshd = Sshd::start(&key(folder.path(), "id"), &[]);
    let login = format!(
        "ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_agent_auth = true\nssh_password = \"correct horse\"\n\
         ssh_handshake_attempts = 1",
        sshd.address
    );
    let workspace = template(&login, &shell(&["whoami"])).env("SSH_AUTH_SOCK", socket.to_str().unwrap());
    let ran = workspace.build(&[]);
    ran.says("m: ubuntu");
    assert!((20..50).contains(&ran.took.as_secs()), "{:?}", ran.took);
}

fn fingerprint(key: &std::path::Path) -> String {
    let shown = Command::new("ssh-keygen").arg("-lf").arg(key).output().unwrap();
    String::from_utf8(shown.stdout).unwrap().split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_proxy_may_ask_for_a_password() {
    let (sshd, workspace) = machine(&[], "ssh_timeout = \"5s\"", &shell(&["whoami"]));
    let proxy = Socks::start("forge", "correct horse");
    let whole = workspace.read("t.pkr.hcl");
    let through = |password: &str| {
        let more = format!(
            "ssh_proxy_host = \"127.0.0.1\"\nssh_proxy_port = {}\nssh_proxy_username = \"forge\"\n\
             ssh_proxy_password = {password:?}\nssh_timeout",
            proxy.port
        );
        workspace.file("t.pkr.hcl", whole.replace("ssh_timeout", &more));
    };
    through("correct horse");
    workspace.build(&[]).says("null.m: ubuntu").says_not("correct horse");
    assert_eq!(proxy.led_to(), [format!("{}:22", sshd.address)]);
    through("wrong pony");
    let port = proxy.port;
    let ran = workspace.fail(&[]);
    ran.says(&format!("the proxy 127.0.0.1:{port} does not reach")).says_not("wrong pony");
}

/// A command on the machine may use the agent that runs here, unless the template forbids it.
#[test]
fn commands_may_use_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let lent = key(folder.path(), "lent");
    let agent = Agent::with(&lent);
    for (options, said) in [("", fingerprint(&lent)), ("ssh_disable_agent_forwarding = true", "no agent".to_owned())] {
        let step = shell(&["if [ -n \"$SSH_AUTH_SOCK\" ]; then ssh-add -l; else echo no agent; fi"]);
        let (_sshd, workspace) = machine(&[], options, &step);
        workspace.env("SSH_AUTH_SOCK", agent.socket.to_str().unwrap()).build(&[]).says(&said);
    }
}
