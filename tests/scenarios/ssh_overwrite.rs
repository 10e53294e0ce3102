//! Uploads over what is there: the machine's folders, links and modes stay as they are, by every method.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use crate::ssh_download::WAYS;
use crate::support::Workspace;
use crate::support::sshd::{Sshd, machine};

fn upload(source: &str, destination: &str) -> String {
    format!("provisioner \"file\" {{\nsource = {source:?}\ndestination = {destination:?}\n}}\n")
}

/// The same machine, with root as the user.
fn as_root(sshd: &Sshd, workspace: &Workspace) {
    sshd.root("install -d -m 700 /root/.ssh && install -m 600 /home/ubuntu/.ssh/authorized_keys /root/.ssh/");
    workspace.file("t.pkr.hcl", workspace.read("t.pkr.hcl").replace("\"ubuntu\"", "\"root\""));
}

fn file(workspace: &Workspace, name: &str, text: &str, mode: u32) {
    let path = workspace.file(name, text);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn chmod(workspace: &Workspace, name: &str, mode: u32) {
    fs::set_permissions(workspace.path().join(name), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn links_and_modes_of_the_machine_stay_when_a_folder_goes_over_them() {
    for (method, broken) in WAYS {
        let (sshd, workspace) = machine(&[], method, &upload("tree/", "/"));
        as_root(&sshd, &workspace);
        sshd.root(
            "install -d -m 1777 /spool; install -d -m 700 /secret; mkdir -p /opt/v1; ln -s opt/v1 /current; \
             echo old >/opt/v1/kept; echo old >/opt/real; chmod 440 /opt/real; ln -s real /opt/link; \
             ln /opt/real /opt/hard",
        );
        sshd.root(broken);
        file(&workspace, "tree/bin/mytool", "tool", 0o755);
        file(&workspace, "tree/spool/q", "q", 0o644);
        file(&workspace, "tree/secret/q", "q", 0o644);
        file(&workspace, "tree/current/new", "new", 0o600);
        file(&workspace, "tree/opt/link", "over", 0o644);
        file(&workspace, "tree/opt/dir/x", "x", 0o444);
        chmod(&workspace, "tree/spool", 0o755);
        chmod(&workspace, "tree/secret", 0o755);
        chmod(&workspace, "tree/opt/dir", 0o550);
        workspace.build(&[]);
        let seen = sshd.root(
            "readlink /bin /current /opt/link; stat -c '%a %n' /spool /secret /opt/real /opt/dir /opt/dir/x \
             /usr/bin/mytool /opt/v1/new; cat /opt/hard /opt/v1/kept /opt/v1/new; echo; ls /tmp",
        );
        let expected = "usr/bin\nopt/v1\nreal\n1777 /spool\n700 /secret\n440 /opt/real\n550 /opt/dir\n\
                        444 /opt/dir/x\n755 /usr/bin/mytool\n600 /opt/v1/new\noverold\nnew";
        assert_eq!(seen.trim(), expected, "{method} {broken}");
    }
}

#[test]
fn whoever_may_write_need_not_own() {
    let steps = format!(
        "{}{}{}",
        upload("tree/", "/srv/www"),
        upload("tree/etc/i", "/srv/www/one"),
        "provisioner \"shell\" {\ninline = [\"echo ran $0\"]\nremote_path = \"/srv/www/own.sh\"\n}\n"
    );
    for (method, broken) in WAYS {
        let (sshd, workspace) = machine(&[], method, &steps);
        sshd.root(
            "install -d -m 2775 -g ubuntu /srv/www /srv/www/etc; cd /srv/www; \
             for f in one etc/i own.sh; do echo old >$f; chgrp ubuntu $f; chmod 775 $f; done",
        );
        sshd.root(broken);
        file(&workspace, "tree/etc/i", "new\n", 0o600);
        file(&workspace, "tree/etc/sub/j", "j\n", 0o644);
        workspace.build(&[]).says("ran /srv/www/own.sh");
        let seen = sshd.root("cd /srv/www; stat -c '%a %U %n' . etc one etc/i; cat one etc/i etc/sub/j");
        let expected = "2775 root .\n2775 root etc\n775 root one\n775 root etc/i\nnew\nnew\nj";
        assert_eq!(seen.trim(), expected, "{method} {broken}");
    }
}

#[test]
fn what_is_new_has_our_mode_less_the_mask_of_the_machine_and_its_time() {
    let steps = format!("{}{}{}", upload("run.sh", "/tmp/run.sh"), upload("tree", "/tmp/new"), upload("tree", "/tmp"));
    for (method, broken) in WAYS {
        let (sshd, workspace) = machine(&[], method, &steps);
        sshd.root(
            "chsh -s /bin/bash ubuntu; echo 'umask 027' >/home/ubuntu/.bashrc; sed -i '1i umask 027' /etc/bash.bashrc",
        );
        sshd.root(broken);
        file(&workspace, "run.sh", "#!/bin/sh\n", 0o6755);
        file(&workspace, "tree/a", "a", 0o644);
        file(&workspace, "tree/sub/key", "k", 0o600);
        chmod(&workspace, "tree/sub", 0o700);
        chmod(&workspace, "tree", 0o711);
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        fs::File::options().write(true).open(workspace.path().join("tree/a")).unwrap().set_modified(old).unwrap();
        workspace.build(&[]);
        for folder in ["/tmp/new", "/tmp/tree"] {
            let seen = sshd
                .root(&format!("cd {folder}; stat -c '%a %n' /tmp/run.sh . a sub sub/key; find a -newermt 2020-01-01"));
            let expected = "750 /tmp/run.sh\n710 .\n640 a\n700 sub\n600 sub/key\na";
            assert_eq!(seen.trim(), expected, "{method} {broken} {folder}");
        }
    }
}

#[test]
fn a_second_upload_writes_through_names_of_any_kind() {
    let names = ["a b", "'q' \"r\" $(id) `id` \\", "ü ☃", "-rf", "two\nlines", "(", "!"];
    let steps = format!("{}{}", upload("one/", "/tmp/t"), upload("two/", "/tmp/t"));
    for (method, broken) in [WAYS[0], WAYS[1]] {
        let (sshd, workspace) = machine(&[], method, &steps);
        sshd.root(broken);
        for name in names {
            workspace.file(&format!("one/{name}/{name}"), "one");
            workspace.file(&format!("two/{name}/{name}"), "two");
            workspace.file(&format!("two/{name}/new {name}"), "two");
        }
        workspace.build(&[]);
        let seen = sshd.root("cd /tmp/t; find . -type f -printf x; echo; cat ./*/*; echo; ls -A /tmp");
        let files = 2 * names.len();
        assert_eq!(seen.trim(), format!("{}\n{}\nt", "x".repeat(files), "two".repeat(files)), "{method}");
    }
}

#[test]
fn what_stands_in_the_way_is_named() {
    for (prepare, part) in [
        ("install -d -o ubuntu /srv/d; echo x >/srv/d/sub", "sub is a folder here, and something else at /srv/d"),
        ("install -d -o ubuntu /srv/d; mkdir -p /srv/d/sub; install -d /srv/d/sub/f", "Is a directory"),
        ("install -d -o ubuntu /srv/d /srv/d/sub; echo x >/srv/d/sub/f", "Permission denied"),
    ] {
        let (sshd, workspace) = machine(&[], "", &upload("tree/", "/srv/d"));
        sshd.root(prepare);
        workspace.file("tree/sub/f", "f");
        workspace.fail(&[]).says("Upload failed").says(part);
        assert_eq!(sshd.root("ls -A /tmp"), "");
    }
}

#[test]
fn what_links_in_a_folder_lead_to_is_uploaded() {
    for (method, broken) in WAYS {
        let (sshd, workspace) = machine(&[], method, &upload("tree", "/tmp/t"));
        sshd.root(broken);
        workspace.file("shared/app.conf", "conf\n");
        workspace.file("tree/sub/x", "x\n");
        symlink("../shared/app.conf", workspace.path().join("tree/conf")).unwrap();
        symlink("sub", workspace.path().join("tree/folder")).unwrap();
        workspace.build(&[]);
        let seen = sshd.root("cd /tmp/t; find . -type l; cat conf folder/x sub/x");
        assert_eq!(seen.trim(), "conf\nx\nx", "{method} {broken}");
    }
    for (target, part) in [("nowhere", "the link leads to nowhere"), ("..", "would be followed without an end")] {
        let (_sshd, workspace) = machine(&[], "", &upload("tree", "/tmp/t"));
        workspace.file("tree/sub/x", "x\n");
        symlink(target, workspace.path().join("tree/sub/link")).unwrap();
        workspace.fail(&[]).says("tree/sub/link: ").says(part);
    }
}
