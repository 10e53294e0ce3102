//! Options of SSH: their effect on a machine with OpenSSH's server, and mistakes in them.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};

use crate::support::socks::Socks;
use crate::support::sshd::{Sshd, certificate, key, machine, shell, template, text};

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

/// What was there when the connection was lost is told, also by a download that only waits for its next piece.
#[test]
fn a_download_tells_why_its_connection_was_lost() {
    let step =
        "provisioner \"file\" {\nsource = \"/tmp/large\"\ndestination = \"large\"\ndirection = \"download\"\n}\n";
    let (sshd, workspace) = machine(&[], "ssh_read_write_timeout = \"3s\"", step);
    sshd.root("truncate -s 4G /tmp/large");
    // It has its name once it is whole.
    let arrives = || {
        let mut files = std::fs::read_dir(workspace.path()).unwrap().filter_map(|entry| entry.unwrap().metadata().ok());
        files.any(|found| found.len() > 1 << 20)
    };
    let run = workspace.start(&[]);
    crate::support::wait("a piece of the file", arrives);
    sshd.root("pkill -STOP -u ubuntu");
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    let told = "the connection broke while /tmp/large was read: nothing came from the machine for";
    assert!(log.contains(told), "{log}");
}

#[test]
fn a_negative_number_of_attempts_allows_one() {
    let folder = tempfile::tempdir().unwrap();
    let (own, stranger) = (key(folder.path(), "id"), key(folder.path(), "stranger"));
    let sshd = Sshd::start(&own, &[]);
    let login = |key| {
        let login = format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_handshake_attempts = -1", sshd.address);
        template(&format!("{login}\nssh_private_key_file = {}", text(key)), &shell(&["whoami"]))
    };
    login(&own).build(&[]).says("m: ubuntu");
    login(&stranger).fail(&[]).says("the machine refused the login 1 times");
}

#[test]
fn a_certificate_without_its_key_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let certificate = certificate(&key(folder.path(), "ca"), &own);
    let sshd = Sshd::start(&own, &["PasswordAuthentication=yes"]);
    let login = format!(
        "ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_password = \"correct horse\"\nssh_certificate_file = {}",
        sshd.address,
        text(&certificate)
    );
    let ran = template(&login, &shell(&["whoami"])).build(&[]);
    ran.says("a certificate without its private key is not used").says("m: ubuntu");
}

/// The peer needs them around an IPv6 address; both forms are understood.
#[test]
fn an_ipv6_address_may_stand_in_brackets() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let sshd = Sshd::start(&own, &[]);
    let port = lead_to(&format!("{}:22", sshd.address));
    let proxy = Socks::start("forge", "correct horse");
    let build = |host: &str, way: &str| {
        let login = format!(
            "ssh_host = {host:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = {}\nssh_timeout = \"9s\"\n{way}",
            text(&own)
        );
        template(&login, &shell(&["whoami"])).build(&[]).says("m: ubuntu");
    };
    for host in ["[::1]", "::1"] {
        let at = format!("ssh_port = {port}");
        build(host, &at);
        build(&sshd.address, &format!("ssh_bastion_host = {host:?}\nssh_bastion_port = {port}"));
        let proxied = "ssh_proxy_username = \"forge\"\nssh_proxy_password = \"correct horse\"";
        build(host, &format!("{at}\nssh_proxy_host = \"127.0.0.1\"\nssh_proxy_port = {}\n{proxied}", proxy.port));
    }
    assert_eq!(proxy.led_to().len(), 2, "{:?}", proxy.led_to());
}

/// A port of `::1` that leads elsewhere, as long as this process lives.
fn lead_to(address: &str) -> u16 {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let (port, address) = (listener.local_addr().unwrap().port(), address.to_owned());
    std::thread::spawn(move || {
        for here in listener.incoming().map_while(Result::ok) {
            let there = TcpStream::connect(&address).unwrap();
            for (mut from, mut to) in
                [(here.try_clone().unwrap(), there.try_clone().unwrap()), (there.try_clone().unwrap(), here)]
            {
                std::thread::spawn(move || {
                    let _ = io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    port
}
