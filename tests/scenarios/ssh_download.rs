//! Files and folders from a machine with OpenSSH's server, by every method.

use crate::support::sshd::machine;

/// Every way to move files: the options, and what the machine is made to lack.
pub(crate) const WAYS: [(&str, &str); 5] = [
    ("", "true"),
    ("ssh_file_transfer_method = \"sftp\"", "true"),
    ("ssh_file_transfer_method = \"scp\"", "true"),
    ("", "mv /bin/tar /root/"),
    ("", "mv /bin/tar /usr/lib/openssh/sftp-server /root/"),
];

const FOLDER: &str = "mkdir -p /srv/r/sub/empty; cd /srv/r; echo a >a; echo b >sub/b; echo s >s1; echo s >'s 2'; \
     echo hidden >.s; ln -s /srv/r/a link; ln -s sub slink; chown -R ubuntu /srv/r";

fn download(source: &str, destination: &str) -> String {
    format!(
        "provisioner \"file\" {{\ndirection = \"download\"\nsource = {source:?}\ndestination = {destination:?}\n}}\n"
    )
}

/// A folder comes under its own name wherever it goes, and a pattern stands for what it matches.
#[test]
fn folders_keep_their_names_and_patterns_match() {
    let steps = [
        download("/srv/r/", "slash/"),
        download("/srv/r/", "plain"),
        download("/srv/r/", "there"),
        download("/srv/r/s*", "glob/"),
        download("/srv/r/[!b-z]", "class"),
        download("~/", "home/"),
    ]
    .concat();
    for (method, broken) in WAYS {
        let (sshd, workspace) = machine(&[], method, &steps);
        sshd.root(FOLDER);
        sshd.root(broken);
        std::fs::create_dir(workspace.path().join("there")).unwrap();
        workspace.build(&[]);
        for folder in ["slash", "plain", "there"] {
            for (name, text) in [("a", "a\n"), ("sub/b", "b\n"), ("s 2", "s\n"), ("link", "a\n"), ("slink/b", "b\n")] {
                assert_eq!(workspace.read(&format!("{folder}/r/{name}")), text, "{method} {broken}: {folder} {name}");
            }
            assert!(workspace.path().join(folder).join("r/sub/empty").is_dir());
            assert!(!workspace.path().join(folder).join("r/link").is_symlink());
        }
        let names = |folder: &str| {
            let listed = std::fs::read_dir(workspace.path().join(folder)).unwrap();
            let mut names: Vec<_> = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names("glob"), ["s 2", "s1", "slink", "sub"], "{method} {broken}");
        assert_eq!(workspace.read("glob/slink/b"), "b\n");
        assert_eq!((names("class"), names("home")), (vec!["a".to_owned()], vec!["ubuntu".to_owned()]));
        assert!(workspace.path().join("home/ubuntu/.ssh").is_dir());
    }
}

#[test]
fn what_cannot_be_downloaded_says_why_and_leaves_what_was_there() {
    for (method, broken) in WAYS {
        for source in ["/srv/nothing", "/srv/nothing/", "/srv/nothing*"] {
            let destination = if source.ends_with("nothing") { "precious" } else { "folder" };
            let (sshd, workspace) = machine(&[], method, &download(source, destination));
            sshd.root(broken);
            workspace.file("precious", "precious");
            let ran = workspace.fail(&[]);
            ran.says("Download failed").says(source);
            assert_eq!(workspace.read("precious"), "precious", "{method} {broken}");
        }
    }
}

/// What start files of the login shell print is none of what is asked for.
#[test]
fn a_shell_that_talks_spoils_nothing() {
    let steps = [
        "provisioner \"file\" {\nsource = \"tree\"\ndestination = \"/tmp/t\"\n}\n".to_owned(),
        "provisioner \"file\" {\nsource = \"tree\"\ndestination = \"/tmp/t\"\n}\n".to_owned(),
        download("/tmp/t/a", "one"),
        download("/tmp/t/", "back"),
    ]
    .concat();
    for broken in ["true", "mv /usr/lib/openssh/sftp-server /root/", "mv /bin/tar /root/"] {
        let (sshd, workspace) = machine(&[], "", &steps);
        sshd.root(
            "chsh -s /bin/bash ubuntu; echo 'echo NOISE; printf half' >/home/ubuntu/.bashrc; \
             sed -i '1i echo NOISE2' /etc/bash.bashrc; echo 'echo SSHRC' >/etc/ssh/sshrc",
        );
        sshd.root(broken);
        workspace.file("tree/a", "a\n");
        workspace.file("tree/sub/b", "b\n");
        workspace.build(&[]);
        for (path, text) in [("one", "a\n"), ("back/t/a", "a\n"), ("back/t/sub/b", "b\n"), ("back/t/tree/a", "a\n")] {
            assert_eq!(workspace.read(path), text, "{broken}: {path}");
        }
    }
}

/// Half a file lies beside its place, and nobody but a sweep is left to remove it.
#[test]
fn a_sweep_removes_what_a_killed_download_left() {
    let (sshd, workspace) = machine(&[], "", &download("/tmp/large", "large"));
    sshd.root("truncate -s 4G /tmp/large");
    let part = || {
        let mut listed = std::fs::read_dir(workspace.path()).unwrap().map(|entry| entry.unwrap());
        listed.any(|entry| entry.file_name().to_string_lossy().starts_with(".large."))
    };
    let run = workspace.start(&[]);
    crate::support::wait("a piece of the file", part);
    run.signal("KILL");
    run.end();
    assert!(part() && !workspace.path().join("large").exists());
    workspace.run(&["sweep"]).succeeded().says(".large.");
    assert!(!part());
    assert_eq!(workspace.journals(), 0);
}
