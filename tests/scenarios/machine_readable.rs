//! `-machine-readable`: lines for programs, in the peer's format.

use crate::support::Workspace;

#[test]
fn lines_have_the_peers_fields() {
    let workspace = Workspace::new(
        "source \"file\" \"f\" {\n  content = \"x\"\n  target = \"out.txt\"\n}\nbuild {\n  sources = [\"file.f\"]\n  provisioner \"shell-local\" { inline = [\"echo one, two\"] }\n}",
    );
    let ran = workspace.run(&["build", "-machine-readable", "."]);
    ran.succeeded();
    for line in ran.stdout.lines() {
        let fields: Vec<&str> = line.split(',').collect();
        assert!(fields.len() >= 3 && fields[0].parse::<u64>().is_ok(), "{line:?}");
    }
    ran.says(",,ui,say,==> file.f: one%!(PACKER_COMMA) two");
    ran.says(",file.f,artifact-count,1");
    ran.says(",file.f,artifact,0,builder-id,packer.file");
    ran.says(",file.f,artifact,0,string,Stored file: out.txt");
    ran.says(",file.f,artifact,0,files-count,1");
    ran.says(",file.f,artifact,0,file,0,out.txt");
    ran.says(",file.f,artifact,0,end");
}

#[test]
fn errors_are_counted() {
    let workspace = Workspace::new(
        "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n sources = [\"null.n\"]\n provisioner \"shell-local\" { inline = [\"exit 2\"] }\n}",
    );
    let ran = workspace.run(&["-machine-readable", "build", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says(",,error-count,1").says(",null.n,error,");
}
