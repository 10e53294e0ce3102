//! Files to and from a machine with OpenSSH's server, by every method.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use crate::support::sshd::machine;

const SCP: &str = "ssh_file_transfer_method = \"scp\"";

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
        destination = "fetched"
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
        ("/dev/full", &["could not write /dev/full", "No space left on device"]),
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
fn a_script_that_cannot_be_stored_says_why() {
    let step =
        "provisioner \"shell\" {\ninline = [\"true\"]\nremote_path = \"/dev/full\"\nstart_retry_timeout = \"1s\"\n}";
    let (_sshd, workspace) = machine(&[], "", step);
    let ran = workspace.fail(&[]);
    let error = ran.stdout.lines().rev().find(|line| line.contains("--> null.m")).unwrap().to_owned();
    assert!(error.contains("could not store the script at /dev/full: ") && error.contains("No space left"), "{error}");
}

#[test]
fn files_may_have_any_name() {
    let names = ["/tmp/a b", "/tmp/'q' \"r\" $(id) `id` \\", "/tmp/ü ☃", "-rf", "/tmp/two\nlines"];
    let there_and_back = |number: usize, name: &str| {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        format!(
            r#"
              provisioner "file" {{
                content     = "inside {number}"
                destination = "{quoted}"
              }}
              provisioner "file" {{
                direction   = "download"
                source      = "{quoted}"
                destination = "back-{number}"
              }}
            "#
        )
    };
    for (method, taken) in [("", 5), ("ssh_file_transfer_method = \"sftp\"", 5), (SCP, 4)] {
        let names = names[..taken].iter().enumerate();
        let steps: String = names.clone().map(|(number, name)| there_and_back(number, name)).collect();
        let (sshd, workspace) = machine(&[], method, &steps);
        workspace.build(&[]);
        for (number, name) in names {
            let content = format!("inside {number}");
            assert_eq!(workspace.read(&format!("back-{number}")), content, "{method} {name:?}");
            let path = Path::new("/home/ubuntu").join(name).display().to_string();
            assert_eq!(sshd.root(&format!("cat '{}'", path.replace('\'', r"'\''"))), content, "{method} {name:?}");
        }
    }
    let (_sshd, workspace) = machine(&[], SCP, &there_and_back(4, names[4]));
    workspace.fail(&[]).says("scp has no way to name").says("which has a line break");
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

/// `~` is the user's home in every path of the machine, as it is for the `scp` of the peer.
#[test]
fn a_home_is_found_by_every_method() {
    let steps = r#"
      provisioner "file" {
        source      = "one"
        destination = "~/one file"
      }
      provisioner "file" {
        source      = "tree/"
        destination = "~/the tree"
      }
      provisioner "shell" {
        remote_path = "~/own.sh"
        skip_clean  = true
        inline      = ["cd /home/ubuntu; test ! -e '~'; cat 'one file' 'the tree/x'; ls"]
      }
      provisioner "file" {
        direction   = "download"
        source      = "~/one file"
        destination = "fetched/one"
      }
      provisioner "file" {
        direction   = "download"
        source      = "~/the tree/"
        destination = "fetched/tree"
      }
    "#;
    let others = r#"
      provisioner "file" {
        source      = "one"
        destination = "~ubuntu/by name"
      }
      provisioner "file" {
        direction   = "download"
        source      = "~ubuntu/by name"
        destination = "fetched/two"
      }
    "#;
    for (method, broken) in [
        ("", ""),
        ("ssh_file_transfer_method = \"sftp\"", ""),
        ("ssh_file_transfer_method = \"scp\"", ""),
        ("", "mv /bin/tar /root/"),
        ("", "mv /usr/lib/openssh/sftp-server /root/"),
    ] {
        let by_name = if method.contains("sftp") { "" } else { others };
        let (sshd, workspace) = machine(&[], method, &format!("{steps}{by_name}"));
        if !broken.is_empty() {
            sshd.root(broken);
        }
        workspace.file("one", "one of them\n");
        workspace.file("tree/x", "in the tree\n");
        let ran = workspace.run(&["build", "."]);
        assert_eq!(ran.code, Some(0), "{method} {broken}: {ran:#?}");
        ran.says("m: one of them").says("m: in the tree").says("m: own.sh");
        assert_eq!(workspace.read("fetched/one"), "one of them\n");
        assert_eq!(workspace.read("fetched/tree/the tree/x"), "in the tree\n");
        if !by_name.is_empty() {
            assert_eq!(workspace.read("fetched/two"), "one of them\n");
        }
    }
    let (_sshd, workspace) = machine(&[], "ssh_file_transfer_method = \"sftp\"", others);
    workspace.file("one", "x");
    workspace.fail(&[]).says("SFTP does not know where another user's home is");
}
