//! SSH and EC2's key pairs: the one of a template, and the one of a build in what it leaves behind.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::docker;
use crate::support::lab::Lab;
use crate::support::sshd::key;

/// Name of a key pair with everything that means something to `sed` or to a shell.
const HARD: &str = r"a+b (c) {d}? |e| .f* [g] ^h$ \i/ 'j' &k";

#[test]
fn the_temporary_key_is_taken_out_whatever_its_name() {
    let lab = Lab::start();
    let options = format!("ami_name = \"web\"\nssh_clear_authorized_keys = true\ntemporary_key_pair_name = {HARD:?}");
    // The user's is the one of the lab; root has the same line, and one of somebody else.
    let copy = r#"provisioner "shell" {
      inline = [
        "sudo mkdir -p /root/.ssh",
        "sudo cp ~/.ssh/authorized_keys /root/.ssh/authorized_keys",
        "echo 'ssh-ed25519 AAAA somebody' | sudo tee -a /root/.ssh/authorized_keys",
      ]
    }"#;
    let workspace = lab.workspace(&options, copy);
    workspace.build(&[]).says_not("could not be removed");
    let images = lab.images();
    let id = images.as_object().unwrap().keys().next().unwrap();
    let inside = |command: &str| {
        docker(&["run", "--rm", "--entrypoint", "/bin/sh", &format!("forge-lab/ami:{id}"), "-c", command])
    };
    assert_eq!(inside("cat /home/ubuntu/.ssh/authorized_keys"), "");
    assert_eq!(inside("cat /root/.ssh/authorized_keys"), "ssh-ed25519 AAAA somebody");
    assert_eq!(inside("ls /root/.ssh /home/ubuntu/.ssh | grep bak || true"), "");
}

#[test]
fn a_key_pair_of_the_template_is_used_and_stays() {
    let lab = Lab::start();
    let workspace = lab.workspace(
        "ami_name = \"web\"\nskip_create_ami = true\nssh_keypair_name = \"mine\"\nssh_private_key_file = \"id\"",
        "provisioner \"shell\" { inline = [\"cat ~/.ssh/authorized_keys\"] }",
    );
    let own = key(workspace.path(), "id");
    let public = std::fs::read_to_string(own.with_extension("pub")).unwrap();
    let material = format!("PublicKeyMaterial={}", STANDARD.encode(public.trim()));
    let scope = "Authorization: AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/eu-west-1/ec2/aws4_request, \
                 SignedHeaders=host, Signature=0";
    let mut import = Command::new("curl");
    import.args(["-fsS", lab.at("endpoint"), "-H", scope, "-d", "Action=ImportKeyPair&Version=2016-11-15"]);
    let imported = import.args(["-d", "KeyName=mine", "--data-urlencode", &material]).output().unwrap();
    assert!(imported.status.success(), "{imported:?}");
    workspace.build(&[]).says(" mine");
    let keys: Vec<_> = lab.parameters("RunInstances").iter().map(|launch| launch["KeyName"].clone()).collect();
    assert_eq!(keys, ["mine"]);
    assert!(!lab.calls().iter().any(|call| call == "CreateKeyPair" || call == "DeleteKeyPair"), "{:?}", lab.calls());
    assert!(lab.left().iter().any(|left| left == "key pair mine"), "{:?}", lab.left());
}
