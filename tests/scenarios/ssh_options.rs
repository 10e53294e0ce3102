//! Options of SSH: their effect on a machine with OpenSSH's server, and mistakes in them.

use crate::support::sshd::{machine, shell, template};

#[test]
fn mistakes_in_the_options_show_at_their_place() {
    for (options, parts) in [
        ("", &["ssh_host", "communicator = \"none\""][..]),
        ("ssh_host = \"x\"", &["ssh_username"]),
        ("ssh_host = \"x\"\nssh_username = \"u\"", &["no way to log in is given"]),
        ("ssh_host = \"x\"\nssh_username = \"u\"\nssh_private_key_file = \"none\"", &["none: No such file", ":4:24"]),
        (
            "ssh_host = \"x\"\nssh_username = \"u\"\nssh_password = \"p\"\nssh_ciphers = [\"aes128-crt\"]",
            &["did you mean \"aes128-ctr\""],
        ),
        (
            "ssh_host = \"x\"\nssh_username = \"u\"\nssh_password = \"p\"\nssh_local_tunnels = [\"80\"]",
            &["is not a tunnel"],
        ),
        (
            "ssh_host = \"x\"\nssh_username = \"u\"\nssh_password = \"p\"\nssh_bastion_host = \"b\"\nssh_proxy_host = \"p\"",
            &["both a bastion and a proxy", "the bastion has no way in"],
        ),
        (
            "ssh_host = \"x\"\nssh_username = \"u\"\nssh_password = \"p\"\nssh_bastion_host = \"b\"\nssh_bastion_interactive = true",
            &["without an answer to the bastion's questions", ":6:27"],
        ),
        (
            "ssh_host = \"x\"\nssh_username = \"u\"\nssh_password = \"p\"\nssh_private_key = \"k\"\nssh_public_key = [115]",
            &[
                "\"ssh_private_key\" is set by builders",
                "ssh_private_key_file",
                "\"ssh_public_key\" is set by builders",
            ],
        ),
        (
            "ssh_host = \"x\"\nssh_username = \"u\"\nssh_password = \"p\"\nssh_keypair_name = \"k\"",
            &["\"ssh_keypair_name\" without its private key"],
        ),
        ("communicator = \"shh\"", &["did you mean \"ssh\""]),
    ] {
        let ran = template(options, "").run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{options}");
        for part in parts {
            assert!(ran.stdout.contains(part), "{options}: {part} in {}", ran.stdout);
        }
    }
}

#[test]
fn a_silent_machine_is_asked_for_a_sign_of_life() {
    for (interval, least, most) in [("1s", 2, 6), ("-1s", 0, 0)] {
        let options = format!("ssh_keep_alive_interval = {interval:?}");
        let (sshd, workspace) = machine(&["LogLevel=DEBUG1"], &options, &shell(&["sleep 4"]));
        workspace.build(&[]);
        let asked = sshd.log().matches("rtype keepalive@openssh.com").count();
        assert!((least..=most).contains(&asked), "{interval}: {asked} in {}", sshd.log());
    }
}

#[test]
fn a_connection_that_brings_nothing_is_given_up_when_the_template_says_so() {
    let (_sshd, workspace) = machine(&[], "ssh_read_write_timeout = \"2s\"", &shell(&["echo going; sleep 30"]));
    let ran = workspace.fail(&[]);
    ran.says("going").says("disconnected");
    ran.says("The connection is lost: nothing came from the machine for ssh_read_write_timeout");
    assert!(ran.took.as_secs() < 15, "{:?}", ran.took);
}

/// The machine is up when the pause begins: connected to once before it, once after it.
#[test]
fn a_pause_before_connecting_begins_when_the_machine_is_up() {
    let (sshd, workspace) = machine(&[], "pause_before_connecting = \"2s\"", &shell(&["whoami"]));
    let ran = workspace.build(&[]);
    ran.says("Pausing 2 s before connecting...").says("null.m: ubuntu");
    assert!(ran.took.as_secs() >= 2, "{:?}", ran.took);
    assert_eq!(sshd.log().matches("Accepted publickey for ubuntu").count(), 2, "{}", sshd.log());
}
