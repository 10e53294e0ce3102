//! Commands over SSH on a machine with OpenSSH's server, and connections that break.

use std::io::{Read as _, Write as _};

use crate::support::sshd::{Sshd, free_port, key, machine, machine_at, shell, template, text};

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

/// The C shell reads quotes in its own way.
#[test]
fn the_login_shell_may_be_the_c_shell() {
    let steps = [
        shell(&["echo hi $PACKER_BUILD_NAME", "test -z \"$(cat)\" && ls -l $0"]),
        "provisioner \"shell\" {\n\
         execute_command = \"chmod +x {{ .Path }}; env {{ .Vars }} {{ .Path }} # 'as Packer has it'\"\n\
         inline = [\"echo again $PACKER_BUILD_NAME $HIDDEN\"]\n\
         environment_vars = [\"HIDDEN=it's x!y here!\"]\n}\n"
            .to_owned(),
        "provisioner \"shell\" { inline = [\"exit 3\"] }\n".to_owned(),
    ];
    let (sshd, workspace) = machine(&[], "", &steps.concat());
    sshd.root("usermod -s /usr/bin/tcsh ubuntu");
    let ran = workspace.fail(&[]);
    ran.says("null.m: hi m").says("-rwxr-xr-x").says("null.m: again m it's x!y here!").says("status: 3");
    assert_eq!(sshd.root("ls /tmp"), "");
}

#[test]
fn a_terminal_is_there_when_asked_for() {
    let (_sshd, workspace) = machine(&[], "ssh_pty = true", &shell(&["test -t 0 && echo terminal $TERM"]));
    workspace.build(&[]).says("terminal xterm");
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

/// Twice: `pause_before_connecting` logs in again, and so does what follows a connection that broke.
#[test]
fn tunnels_lead_both_ways_over_the_connection_of_the_moment() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        for stream in listener.incoming().take(2) {
            stream.unwrap().write_all(b"from the runner\n").unwrap();
        }
    });
    let local = free_port();
    let options = format!(
        "pause_before_connecting = \"1s\"\nssh_remote_tunnels = [\"9191:127.0.0.1:{here}\"]\n\
         ssh_local_tunnels = [\"{local}:127.0.0.1:22\"]"
    );
    let read = |name: &str, then: &str| {
        format!(
            "provisioner \"shell\" {{\ninline_shebang = \"/bin/bash -e\"\nexpect_disconnect = true\n\
             inline = [\"read line < /dev/tcp/127.0.0.1/9191; echo {name} got $line\", {then:?}]\n}}\n"
        )
    };
    let steps = [
        read("first", "sleep 2; sudo pkill -9 -u ubuntu; sleep 5"),
        shell(&["test $(whoami) = ubuntu"]),
        read("second", "sleep 2"),
    ];
    let (_sshd, workspace) = machine(&[], &options, &steps.concat());
    let mut run = workspace.start(&[]);
    for name in ["first", "second"] {
        run.wait_for(&format!("{name} got from the runner"));
        let mut banner = [0; 7];
        std::net::TcpStream::connect(("127.0.0.1", local)).unwrap().read_exact(&mut banner).unwrap();
        assert_eq!(&banner, b"SSH-2.0");
    }
    let (code, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("trying again"), "{log}");
    server.join().unwrap();
}

#[test]
fn a_tunnel_that_the_machine_refuses_ends_the_build_soon() {
    let (_sshd, workspace) =
        machine(&["AllowTcpForwarding=no"], "ssh_remote_tunnels = [\"9191:127.0.0.1:1\"]", &shell(&["true"]));
    let ran = workspace.fail(&[]);
    ran.says("the machine does not listen on port 9191 for ssh_remote_tunnels");
    assert!(ran.took.as_secs() < 40, "{:?}", ran.took);
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
    let ran = template(&login, &shell(&["true"])).fail(&[]);
    ran.says(&format!(
        "timeout waiting for SSH after 2 s: 127.0.0.1:{port} takes the connection, but no SSH server greets"
    ));
    for (options, part) in [
        ("ssh_proxy_host", "the proxy 127.0.0.1:PORT does not lead to"),
        (
            "ssh_bastion_password = \"correct horse\"\nssh_bastion_host",
            "127.0.0.1:PORT takes the connection, but no SSH",
        ),
    ] {
        let kind = if options.contains("proxy") { "proxy" } else { "bastion" };
        let way = format!(
            "ssh_host = {:?}\nssh_username = \"u\"\nssh_password = \"correct horse\"\nssh_timeout = \"2s\"\n\
             {options} = \"127.0.0.1\"\nssh_{kind}_port = {port}",
            sshd.address
        );
        template(&way, &shell(&["true"])).fail(&[]).says(&part.replace("PORT", &port.to_string()));
    }
    // An address where nobody is: what is sent there is lost.
    let nobody = format!("{}.254.254", sshd.address.rsplitn(3, '.').nth(2).unwrap());
    let login = login.replace("127.0.0.1", &nobody);
    let ran = template(&login, &shell(&["true"])).fail(&[]);
    ran.says(&format!("timeout waiting for SSH after 2 s: {nobody}:{port} does not take a connection"));
}

/// One that was killed by a signal has no status: the server tells the signal instead.
#[test]
fn a_command_that_was_killed_is_told_from_one_that_was_cut_off() {
    let step = "provisioner \"shell\" {\ninline = [\"echo going; kill -9 0\"]\nvalid_exit_codes = [137]\n}\n";
    let (_sshd, workspace) = machine(&[], "", &[step, &shell(&["echo next"])].concat());
    workspace.build(&[]).says("going").says("null.m: next").says_not("disconnected");
}

#[test]
fn output_of_any_kind_comes_through() {
    const LONG: usize = 50_000_000;
    let commands = [
        "printf 'not \\377\\376 text\\n'",
        "for n in 1 2 3; do echo out $n; echo err $n >&2; done",
        &format!("head -c {LONG} /dev/zero | tr '\\0' X"),
        "echo; echo done",
    ];
    let (_sshd, workspace) = machine(&[], "", &shell(&commands));
    let ran = workspace.build(&[]);
    ran.says("not \u{fffd}\u{fffd} text").says("null.m: done");
    for n in 1..=3 {
        ran.says(&format!("null.m: out {n}")).says(&format!("null.m: err {n}"));
    }
    assert!(ran.stdout.bytes().filter(|byte| *byte == b'X').count() >= LONG, "{}", ran.stdout.len());
}

/// The whole machine goes down, and nobody answers for a while.
#[test]
fn a_machine_that_goes_away_and_comes_back_is_logged_in_to_again() {
    let steps = r#"
      provisioner "shell" {
        expect_disconnect = true
        skip_clean        = true
        inline            = ["echo rebooting", "sudo kill 1; sleep 60"]
      }
      provisioner "shell" {
        start_retry_timeout = "PATIENCE"
        inline              = ["echo back as $(whoami)"]
      }
    "#;
    for (patience, comes_back) in [("60s", true), ("3s", false)] {
        let (sshd, workspace) = machine_at(free_port(), &steps.replace("PATIENCE", patience));
        let mut run = workspace.start(&[]);
        run.wait_for("rebooting");
        crate::support::wait("the machine's end", || !sshd.is_up());
        if comes_back {
            run.wait_for("trying again for 60s");
            std::thread::sleep(std::time::Duration::from_secs(3));
            assert!(!run.ended(), "{}", run.log());
            sshd.boot();
        }
        let (code, log) = run.end();
        assert_eq!(code, Some(i32::from(!comes_back)), "{log}");
        assert_eq!(log.contains("back as ubuntu"), comes_back, "{log}");
        assert!(log.contains("could not connect again"), "{log}");
    }
}

/// What leads to the machine goes away with all connections over it, and comes back.
#[test]
fn a_bastion_that_breaks_in_mid_build_is_gone_through_again() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let (bastion, sshd) = (Sshd::start(&own, &[]), Sshd::start(&own, &[]));
    let options = format!(
        "ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = {}\nssh_bastion_host = {:?}",
        sshd.address,
        text(&own),
        bastion.address
    );
    let cut = "provisioner \"shell\" {\nexpect_disconnect = true\ninline = [\"echo first; sleep 30\"]\n}\n";
    let workspace = template(&options, &[cut, &shell(&["echo second"])].concat());
    let mut run = workspace.start(&[]);
    run.wait_for("m: first");
    bastion.root("pkill -9 -u ubuntu");
    let (code, log) = run.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("m: second"), "{log}");
}

/// Whoever answers for the bastion sees all that is said to it, too.
#[test]
fn another_host_key_of_the_bastion_in_mid_build_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let own = key(folder.path(), "id");
    let (bastion, sshd) = (Sshd::start(&own, &[]), Sshd::start(&own, &[]));
    let options = format!(
        "ssh_host = {:?}\nssh_username = \"ubuntu\"\nssh_private_key_file = {}\nssh_bastion_host = {:?}",
        sshd.address,
        text(&own),
        bastion.address
    );
    let wait = "provisioner \"shell-local\" { inline = [\"while [ ! -e go ]; do sleep 0.1; done\"] }\n";
    let steps = [shell(&["echo first"]), wait.to_owned(), shell(&["echo never"])].concat();
    let workspace = template(&options, &steps);
    let mut run = workspace.start(&[]);
    run.wait_for("m: first");
    bastion.root("rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; kill -HUP 1; sleep 1; pkill -9 -u ubuntu");
    workspace.file("go", "");
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    let said = format!("the bastion {}: the machine's host key changed during the build", bastion.address);
    assert!(log.contains(&said) && !log.contains("m: never"), "{log}");
}
