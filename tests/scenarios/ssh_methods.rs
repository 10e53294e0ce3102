//! What a machine with OpenSSH's server wants of who logs in: which kinds of credentials, how many, and signed how.

use std::path::Path;

use crate::support::sshd::{Agent, Sshd, certificate, key, key_of_type, machine, shell, template, text};

const PASSWORDS: [&str; 3] = ["PasswordAuthentication=yes", "KbdInteractiveAuthentication=yes", "UsePAM=yes"];

fn wanting(own: &Path, methods: &str) -> Sshd {
    let methods = format!("AuthenticationMethods={methods}");
    Sshd::start(own, &[&PASSWORDS[..], &[&methods, "LogLevel=VERBOSE"]].concat())
}

/// A login to `sshd` with a limit, so that a refusal is not waited for.
fn login(sshd: &Sshd, way: &str) -> String {
    format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_timeout = \"9s\"\n{way}", sshd.address)
}

#[test]
fn a_machine_may_want_several_methods() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let agent = Agent::with(&own);
    let socket = agent.socket.to_str().unwrap();
    let both = "ssh_agent_auth = true\nssh_password = \"correct horse\"";
    for methods in [
        "publickey,password",
        "password,publickey",
        "publickey,keyboard-interactive",
        "keyboard-interactive,publickey",
        "publickey,password,keyboard-interactive",
    ] {
        let sshd = wanting(&own, methods);
        let ran = template(&login(&sshd, both), &shell(&["whoami"])).env("SSH_AUTH_SOCK", socket).build(&[]);
        ran.says("m: ubuntu");
        // To ask what is wanted is no failure, and there is no other one.
        let log = sshd.log();
        let count = |what: &str| log.matches(what).count();
        assert_eq!(count("Partial "), methods.matches(',').count(), "{methods}: {log}");
        assert_eq!(count("Failed "), count("Failed none"), "{methods}: {log}");
    }
    // Who has one of two is told what is wanted besides.
    let sshd = wanting(&own, "publickey,password");
    let alone = "ssh_agent_auth = true\nssh_handshake_attempts = 1";
    let ran = template(&login(&sshd, alone), &shell(&["whoami"])).env("SSH_AUTH_SOCK", socket).fail(&[]);
    ran.says("tried: agent's key SHA256:").says("after what it took, it wants password");
}

/// It is offered the password first, and the key as well.
#[test]
fn a_bastion_may_want_several_methods() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let stranger = key(folder.path(), "stranger");
    let sshd = Sshd::start(&own, &[]);
    let build = |bastion: &Sshd, key: &Path| {
        let way = format!(
            "ssh_private_key_file = {}\nssh_bastion_host = {:?}\nssh_bastion_private_key_file = {}\n\
             ssh_bastion_password = \"correct horse\"",
            text(&own),
            bastion.address,
            text(key)
        );
        let ran = template(&login(&sshd, &way), &shell(&["echo from $SSH_CONNECTION"])).build(&[]);
        ran.says(&format!("from {} ", bastion.address)).says_not("correct horse");
    };
    for methods in ["publickey,password", "password,publickey", "keyboard-interactive,publickey"] {
        build(&wanting(&own, methods), &own);
    }
    // One failure is allowed, which the wrong key would be.
    build(&Sshd::start(&own, &[&PASSWORDS[..], &["MaxAuthTries=1"]].concat()), &stranger);
}

/// A password that the machine takes as an answer only costs no failure.
#[test]
fn what_a_machine_does_not_take_is_not_offered() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let only = ["PasswordAuthentication=no", "KbdInteractiveAuthentication=yes", "UsePAM=yes", "MaxAuthTries=1"];
    let sshd = Sshd::start(&own, &only);
    template(&login(&sshd, "ssh_password = \"correct horse\""), &shell(&["whoami"])).build(&[]).says("m: ubuntu");
    let sshd = Sshd::start(&own, &["PasswordAuthentication=no", "KbdInteractiveAuthentication=no"]);
    let once = "ssh_password = \"correct horse\"\nssh_handshake_attempts = 1";
    template(&login(&sshd, once), "").fail(&[]).says("tried: nothing to offer; it takes publickey");
}

/// Servers before OpenSSH 7.2 know no other signature of an RSA key.
#[test]
fn rsa_keys_sign_with_sha1_where_nothing_else_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let own = key_of_type(folder.path(), "id", "rsa");
    let agent = Agent::with(&own);
    let from_file = format!("ssh_private_key_file = {}", text(&own));
    for (accepted, signed) in [("ssh-rsa", "ssh-rsa"), ("rsa-sha2-512,ssh-rsa", "rsa-sha2-512")] {
        let options = [&format!("PubkeyAcceptedAlgorithms={accepted}"), "LogLevel=DEBUG1"];
        let sshd = Sshd::start(&own, &options);
        for way in [from_file.as_str(), "ssh_agent_auth = true"] {
            let workspace = template(&login(&sshd, way), &shell(&["whoami"]));
            workspace.env("SSH_AUTH_SOCK", agent.socket.to_str().unwrap()).build(&[]).says("m: ubuntu");
        }
        let log = sshd.log();
        let count = |what: &str| log.matches(what).count();
        assert_eq!(count("Accepted publickey for ubuntu"), 2, "{log}");
        let unwanted = if signed == "ssh-rsa" { "rsa-sha2-256" } else { "ssh-rsa" };
        assert_eq!(count(&format!("userauth_pubkey: publickey test pkalg {unwanted} ")), 0, "{log}");
    }
}

#[test]
fn a_certificate_for_the_bastion_may_be_of_the_machines_key() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let other = key(folder.path(), "other");
    let authority = key(folder.path(), "ca");
    let certificate = certificate(&authority, &own);
    let sshd = Sshd::start(&own, &[]);
    let bastion = Sshd::start(&other, &["TrustedUserCAKeys=/etc/ca.pub"]);
    bastion.copy_in(&authority.with_extension("pub"), "/etc/ca.pub");
    let way = format!(
        "ssh_private_key_file = {}\nssh_bastion_host = {:?}\nssh_bastion_certificate_file = {}",
        text(&own),
        bastion.address,
        text(&certificate)
    );
    let ran = template(&login(&sshd, &way), &shell(&["echo from $SSH_CONNECTION"])).build(&[]);
    ran.says(&format!("from {} ", bastion.address));
    assert!(bastion.log().contains("ED25519-CERT"), "{}", bastion.log());
}

/// Servers of long ago have nothing better; those of today are not led there.
#[test]
fn old_algorithms_are_the_last_choice() {
    let chosen = |server: &[&str]| {
        let (sshd, workspace) =
            machine(&[server, &["LogLevel=DEBUG1"]].concat(), "ssh_timeout = \"9s\"", &shell(&["whoami"]));
        workspace.build(&[]).says("m: ubuntu");
        let log = sshd.log();
        let lines = log.lines().filter(|line| line.contains("kex: "));
        lines.map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
    };
    for (server, algorithm) in [
        ("KexAlgorithms=diffie-hellman-group14-sha1", "algorithm: diffie-hellman-group14-sha1"),
        ("KexAlgorithms=ecdh-sha2-nistp384", "algorithm: ecdh-sha2-nistp384"),
        ("MACs=hmac-sha1", "MAC: hmac-sha1 "),
        ("MACs=hmac-sha1-etm@openssh.com", "MAC: hmac-sha1-etm@openssh.com "),
    ] {
        let said = chosen(&["Ciphers=aes256-ctr", server]);
        assert!(said.contains(algorithm), "{server}: {said}");
    }
    let said = chosen(&["KexAlgorithms=+diffie-hellman-group14-sha1", "Ciphers=aes256-ctr", "MACs=+hmac-sha1"]);
    assert!(said.contains("algorithm: curve25519-sha256"), "{said}");
    assert!(said.contains("MAC: hmac-sha2-512-etm@openssh.com "), "{said}");
    let said = chosen(&[
        "KexAlgorithms=diffie-hellman-group14-sha1,diffie-hellman-group14-sha256",
        "MACs=hmac-sha1,hmac-sha2-256",
    ]);
    assert!(said.contains("algorithm: diffie-hellman-group14-sha256"), "{said}");
    assert!(said.contains("cipher: aes256-gcm@openssh.com"), "{said}");
}
