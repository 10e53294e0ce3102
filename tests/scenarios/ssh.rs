//! The SSH communicator against OpenSSH's server: ways in, commands, files, and connections that break.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::support::Workspace;
use crate::support::sshd::{Sshd, key};

/// A template of the null builder with `options`, and `steps` in its build block.
fn template(options: &str, steps: &str) -> Workspace {
    Workspace::new(&format!(
        "source \"null\" \"m\" {{\n{options}\n}}\nbuild {{\nsources = [\"source.null.m\"]\n{steps}\n}}"
    ))
}

fn shell(commands: &[&str]) -> String {
    format!("provisioner \"shell\" {{ inline = {commands:?} }}\n")
}

/// A machine, and a workspace that logs in to it by key, with more `options`.
fn machine(server: &[&str], options: &str, steps: &str) -> (Sshd, Workspace) {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let sshd = Sshd::start(&own, server);
    let login =
        format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = \"id\"\n{options}", sshd.address);
    let workspace = template(&login, steps);
    for name in ["id", "id.pub"] {
        workspace.file(name, std::fs::read(folder.path().join(name)).unwrap());
    }
    (sshd, workspace)
}

#[test]
fn commands_run_with_their_output_status_and_environment() {
    let steps = [
        shell(&["echo out; echo err >&2", "echo $PACKER_BUILDER_TYPE ${build.User} ${build.ConnType}"]),
        "provisioner \"shell\" {\ninline = [\"exit 3\"]\nvalid_exit_codes = [3]\n}\n".to_owned(),
        "provisioner \"shell\" { inline = [\"echo killed; kill -9 $$\"] }\n".to_owned(),
    ];
    let (_sshd, workspace) = machine(&[], "", &steps.concat());
    let ran = workspace.fail(&[]);
    ran.says("null.m: out").says("null.m: err").says("null ubuntu ssh").says("137");
}

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
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-q", "-s"]).arg(&authority).args(["-I", "me", "-n", "ubuntu"]).arg(stranger.with_extension("pub"));
    assert!(sign.status().unwrap().success());
    // An agent that holds the key.
    let agent = folder.path().join("agent");
    let mut process = Command::new("ssh-agent").args(["-D", "-a"]).arg(&agent).stdout(Stdio::null()).spawn().unwrap();
    crate::support::wait("the agent", || agent.exists());
    let added = Command::new("ssh-add").arg(&own).env("SSH_AUTH_SOCK", &agent).output().unwrap();
    assert!(added.status.success(), "{added:?}");

    let path = |p: &std::path::Path| format!("{:?}", p.to_str().unwrap());
    let certificate = folder.path().join("stranger-cert.pub");
    let ways = [
        format!("ssh_private_key_file = {}", path(&own)),
        "ssh_password = \"correct horse\"".to_owned(),
        format!("ssh_private_key_file = {}\nssh_certificate_file = {}", path(&stranger), path(&certificate)),
        "ssh_agent_auth = true".to_owned(),
        format!("ssh_private_key_file = {}\nssh_ciphers = [\"aes128-ctr\"]", path(&own)),
        format!("ssh_private_key_file = {}\nssh_key_exchange_algorithms = [\"ecdh-sha2-nistp256\"]", path(&own)),
    ];
    let step = shell(&["whoami"]);
    let login = |way: &str| {
        let options = format!("ssh_host = {:?}\nssh_username = \"ubuntu\"\n{way}", sshd.address);
        template(&options, &step).env("SSH_AUTH_SOCK", agent.to_str().unwrap())
    };
    for way in &ways {
        let ran = login(way).build(&[]);
        ran.says("null.m: ubuntu").says_not("correct horse");
    }
    let once = "ssh_handshake_attempts = 1";
    let ran = login(&format!("ssh_private_key_file = {}\n{once}", path(&stranger))).fail(&[]);
    ran.says("does not let \"ubuntu\" in").says("key ssh-ed25519 SHA256:").says("check ssh_username");
    let ran = login(&format!("ssh_password = \"wrong pony\"\n{once}")).fail(&[]);
    ran.says("tried: password, keyboard-interactive").says_not("wrong pony");
    process.kill().unwrap();
    process.wait().unwrap();
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

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn tunnels_lead_both_ways() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"from the runner\n").unwrap();
    });
    let local = free_port();
    let options =
        format!("ssh_remote_tunnels = [\"9191:127.0.0.1:{here}\"]\nssh_local_tunnels = [\"{local}:127.0.0.1:22\"]");
    let step = "provisioner \"shell\" {\ninline_shebang = \"/bin/bash -e\"\ninline = [\"read line < /dev/tcp/127.0.0.1/9191; echo got $line\", \"sleep 2\"]\n}\n";
    let (_sshd, workspace) = machine(&[], &options, step);
    let mut run = workspace.start(&[]);
    run.wait_for("got from the runner");
    let mut banner = [0; 7];
    std::net::TcpStream::connect(("127.0.0.1", local)).unwrap().read_exact(&mut banner).unwrap();
    assert_eq!(&banner, b"SSH-2.0");
    let (code, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    server.join().unwrap();
}

/// Files both ways by every method, and on machines that lack what the fastest way needs.
#[test]
fn files_arrive_whole_by_every_method() {
    let steps = r#"
      provisioner "file" {
        source      = "tree"
        destination = "/tmp"
      }
      provisioner "file" {
        source      = "tree/"
        destination = "/tmp/contents"
      }
      provisioner "file" {
        source      = "tree/big"
        destination = "/tmp/one file"
      }
      provisioner "shell" {
        inline = [
          "cd /tmp; sha256sum < tree/big; sha256sum < contents/big; sha256sum < 'one file'",
          "stat -c '%a %n' tree/run.sh contents/run.sh; cat 'contents/a b/ü.txt'; ls contents/empty | wc -l",
          "mkdir -p back/deep; cp 'one file' back/deep/big; echo x > back/x",
        ]
      }
      provisioner "file" {
        direction   = "download"
        source      = "/tmp/one file"
        destination = "fetched/one"
      }
      provisioner "file" {
        direction   = "download"
        source      = "/tmp/back/"
        destination = "fetched/back"
      }
    "#;
    // Not a multiple of any buffer, and more than one window.
    let big: Vec<u8> = (0..5_000_011_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let cases: [(&str, &[&str], &str); 5] = [
        ("", &[], ""),
        ("ssh_file_transfer_method = \"sftp\"", &[], ""),
        ("ssh_file_transfer_method = \"scp\"", &[], ""),
        ("", &[], "mv /usr/lib/openssh/sftp-server /root/"),
        ("", &[], "mv /bin/tar /root/"),
    ];
    for (method, server, broken) in cases {
        let (sshd, workspace) = machine(server, method, steps);
        if !broken.is_empty() {
            sshd.root(broken);
        }
        workspace.file("tree/big", &big);
        workspace.file("tree/a b/ü.txt", "umlaut\n");
        let script = workspace.file("tree/run.sh", "#!/bin/sh\n");
        std::fs::create_dir(workspace.path().join("tree/empty")).unwrap();
        Command::new("chmod").arg("755").arg(&script).status().unwrap();
        let ran = workspace.run(&["build", "."]);
        assert_eq!(ran.code, Some(0), "{method} {broken}: {ran:#?}");
        let sum = Command::new("sha256sum").arg(workspace.path().join("tree/big")).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let sum = sum.split(' ').next().unwrap();
        assert_eq!(ran.stdout.matches(sum).count(), 3, "{method} {broken}: {}", ran.stdout);
        ran.says("755 tree/run.sh").says("755 contents/run.sh").says("umlaut");
        for fetched in ["fetched/one", "fetched/back/deep/big"] {
            assert!(std::fs::read(workspace.path().join(fetched)).unwrap() == big, "{method} {broken}: {fetched}");
        }
        assert_eq!(workspace.read("fetched/back/x"), "x\n");
    }
}

#[test]
fn what_cannot_be_uploaded_says_why() {
    for (destination, parts) in [
        ("/root/x", &["Permission denied", "upload to a folder like /tmp"][..]),
        ("/nowhere/x", &["the folder does not exist"]),
    ] {
        let step = format!("provisioner \"file\" {{\nsource = \"id.pub\"\ndestination = {destination:?}\n}}");
        let (_sshd, workspace) = machine(&[], "", &step);
        let ran = workspace.fail(&[]);
        for part in parts {
            ran.says(part);
        }
    }
}

#[test]
fn a_machine_that_goes_away_and_comes_back_is_logged_in_to_again() {
    let steps = r#"
      provisioner "shell" {
        expect_disconnect = true
        inline            = ["echo rebooting", "sudo sh -c 'pkill -9 -u ubuntu; sleep 5'"]
      }
      provisioner "shell" { inline = ["echo back as $(whoami)"] }
    "#;
    let (_sshd, workspace) = machine(&[], "", steps);
    workspace.build(&[]).says("rebooting").says("back as ubuntu");
}

#[test]
fn a_connection_that_breaks_in_a_command_fails_the_build() {
    let (_sshd, workspace) = machine(&[], "", &shell(&["echo going", "sudo pkill -9 -u ubuntu; sleep 5"]));
    workspace.fail(&[]).says("going").says("disconnected");
}

#[test]
fn another_host_key_in_mid_build_ends_it() {
    let steps = r#"
      provisioner "shell" {
        expect_disconnect = true
        inline = ["sudo sh -c 'rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; kill -HUP 1; sleep 0.5; pkill -9 -u ubuntu; sleep 5'"]
      }
      provisioner "shell" { inline = ["echo never"] }
    "#;
    let (_sshd, workspace) = machine(&[], "", steps);
    let ran = workspace.fail(&[]);
    ran.says("host key changed during the build").says_not("m: never");
}

#[test]
fn who_is_not_there_is_waited_for_as_long_as_the_template_says() {
    let (sshd, workspace) = machine(&[], "ssh_port = 2222\nssh_timeout = \"2s\"", &shell(&["true"]));
    let ran = workspace.fail(&[]);
    ran.says("timeout waiting for SSH after 2 s").says(&sshd.address).says("refused");
    assert!(ran.took.as_secs() < 10, "{:?}", ran.took);
    // A server that takes connections and never speaks.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let login = format!(
        "ssh_host = \"127.0.0.1\"\nssh_port = {port}\nssh_username = \"u\"\nssh_password = \"correct horse\"\nssh_timeout = \"2s\""
    );
    template(&login, &shell(&["true"])).fail(&[]).says("timeout waiting for SSH after 2 s");
}

#[test]
fn a_terminal_is_there_when_asked_for() {
    let (_sshd, workspace) = machine(&[], "ssh_pty = true", &shell(&["test -t 0 && echo terminal $TERM"]));
    workspace.build(&[]).says("terminal xterm");
}

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
        ("communicator = \"shh\"", &["did you mean \"ssh\""]),
    ] {
        let ran = template(options, "").run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{options}");
        for part in parts {
            assert!(ran.stdout.contains(part), "{options}: {part} in {}", ran.stdout);
        }
    }
}

/// Carries connections to the machine, and cuts every one of them off after so many bytes to it.
fn cutting_relay(address: String, after: usize) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (mut client, mut server) =
                (client.unwrap(), std::net::TcpStream::connect((address.as_str(), 22)).unwrap());
            let (mut back, mut from) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut back));
            std::thread::spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                let mut left = after;
                while let Ok(read) = client.read(&mut buffer) {
                    if read == 0 || read > left || server.write_all(&buffer[..read]).is_err() {
                        break;
                    }
                    left -= read;
                }
                let _ = client.shutdown(std::net::Shutdown::Both);
                let _ = server.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn a_connection_that_is_cut_in_an_upload_fails_the_build_soon() {
    for method in ["", "ssh_file_transfer_method = \"scp\"", "ssh_file_transfer_method = \"sftp\""] {
        let step = "provisioner \"file\" {\nsource = \"big\"\ndestination = \"/tmp/big\"\n}";
        let (sshd, workspace) = machine(&[], method, step);
        workspace.file("big", vec![7; 8 << 20]);
        let port = cutting_relay(sshd.address.clone(), 4 << 20);
        let whole = workspace.read("t.pkr.hcl").replace(&format!("{:?}", sshd.address), "\"127.0.0.1\"");
        workspace.file("t.pkr.hcl", whole.replace("ssh_username", &format!("ssh_port = {port}\nssh_username")));
        let ran = workspace.fail(&[]);
        ran.says("Upload failed");
        assert!(ran.took.as_secs() < 20, "{method}: {:?}", ran.took);
        // A folder goes another way.
        let tree = whole.replace("ssh_username", &format!("ssh_port = {port}\nssh_username"));
        workspace.file("tree/big", vec![7; 8 << 20]);
        workspace.file("t.pkr.hcl", tree.replace("\"big\"", "\"tree\""));
        workspace.fail(&[]).says("Upload failed");
    }
}
