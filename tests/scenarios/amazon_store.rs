//! `amazon-instance` and `amazon-import`: images that pass through S3.

use serde_json::{Value, json};

use crate::support::Workspace;
use crate::support::lab::Lab;
use crate::support::leaks::Leaks;

const INSTANCE: &str = r#"
  ami_name         = "store-test"
  account_id       = "1234-5678-9012"
  s3_bucket        = "bundles/nightly"
  x509_cert_path   = "cert.pem"
  x509_key_path    = "key.pem"
  x509_upload_path = "/tmp/x509"
  bundle_prefix    = "image-1"
  tags             = { Name = "store" }
"#;

/// EC2's tools, as far as the builder sees them: what they are told goes to the log.
const TOOLS: &str = r#"
  provisioner "file" {
    sources     = ["ec2-bundle-vol", "ec2-upload-bundle"]
    destination = "/tmp/"
  }
  provisioner "shell" {
    inline = ["mkdir -p /tmp/x509", "sudo install -m 755 /tmp/ec2-bundle-vol /tmp/ec2-upload-bundle /usr/local/bin"]
  }
"#;

fn store(lab: &Lab, options: &str, status: &str) -> Workspace {
    let workspace = lab.workspace(&format!("{INSTANCE}\n{options}"), TOOLS);
    let template = workspace.read("t.pkr.hcl").replace("amazon-ebs", "amazon-instance");
    workspace
        .file("t.pkr.hcl", template.replace("ubuntu/images/*ubuntu-jammy-22.04-amd64-server-*", "ubuntu/stores/*"));
    workspace.file("ec2-bundle-vol", "#!/bin/sh\necho bundling $(cat /tmp/x509/cert.pem) \"$@\"\n");
    workspace.file("ec2-upload-bundle", format!("#!/bin/sh\necho uploading \"$@\"\nsleep 1\nexit {status}\n"));
    workspace.file("cert.pem", "the-certificate");
    workspace.file("key.pem", "the-key");
    lab.ask("bucket", &json!("bundles"));
    workspace
}

#[test]
fn an_instance_bundles_itself_and_the_bundle_becomes_an_image() {
    let lab = Lab::start();
    let ran = store(&lab, "bundle_destination = \"/tmp\"", "0").build(&[]);
    ran.says("bundling the-certificate -k /tmp/x509/key.pem -u 123456789012 -c /tmp/x509/cert.pem -r x86_64");
    ran.says(" -d /tmp ");
    ran.says("uploading -b bundles/nightly -m /tmp/image-1.manifest.xml -a AKIAEXAMPLE -s");
    ran.says_not("the-secret-access-key");
    assert_eq!(lab.parameters("RegisterImage")[0]["ImageLocation"], "bundles/nightly/image-1.manifest.xml");
    ran.says("AMIs were created:");
    assert_eq!(lab.left().len(), 1, "the image: {:#?}", lab.left());
    crate::amazon_ebs::granted(&lab, &["build", "bundle"]);
}

/// One whose tools do nothing.
fn empty_bundle(lab: &Lab) -> Workspace {
    let workspace = store(lab, "bundle_vol_command = \"true\"\nbundle_upload_command = \"true\"\n", "0");
    let template = workspace.read("t.pkr.hcl").replace(TOOLS, "");
    workspace.file("t.pkr.hcl", template.replace("/tmp/x509", "/tmp"));
    workspace
}

fn finished_bundle(text: &str) -> bool {
    text.starts_with("image ") && text.contains("'Name': 'store'")
}

#[test]
fn nothing_stays_of_a_bundle_whatever_fails() {
    Leaks { workspace: &empty_bundle, finished: &finished_bundle, also: &|_| {} }.never(&mut Lab::start());
}

#[test]
fn a_sweep_after_a_kill_removes_a_bundle() {
    Leaks { workspace: &empty_bundle, finished: &finished_bundle, also: &|_| {} }.never_after_a_kill(&mut Lab::start());
}

#[test]
fn a_bundle_that_fails_is_taken_away() {
    let lab = Lab::start();
    let put = || {
        for name in ["image-1.part.00", "image-1.manifest.xml"] {
            lab.ask("put", &json!({ "bucket": "bundles", "key": format!("nightly/{name}") }));
        }
    };
    let looks = || lab.calls().iter().filter(|call| *call == "ListObjectsV2").count();
    let workspace = store(&lab, "", "3");
    let run = workspace.start(&[]);
    crate::support::wait("both looks at the bucket", || looks() == 2);
    // What the tool puts there, before it fails.
    put();
    let (code, log) = run.end();
    assert_eq!(code, Some(1), "{log}");
    assert!(log.contains("seems to be somebody else's"), "{log}");
    assert_eq!(lab.left(), Vec::<String>::new());
    crate::amazon_ebs::granted(&lab, &["build", "bundle"]);
    // A bundle of another build under the same name is not this one's to remove.
    put();
    store(&lab, "", "3").fail(&[]).says("is there already");
    assert_eq!(lab.left().len(), 2, "{:#?}", lab.left());
    let workspace = store(&lab, "", "0");
    let template = workspace.read("t.pkr.hcl").replace("ubuntu/stores/*", "ubuntu/images/hvm-ssd/*");
    workspace.file("t.pkr.hcl", template);
    workspace.fail(&[]).says("amazon-instance bundles instance stores");
}

const IMPORT: &str = r#"
source "file" "disk" {
  content = "the bytes of a disk"
  target  = "disk.raw"
}
build {
  sources = ["source.file.disk"]
  post-processors {
    post-processor "amazon-import" {
      region         = "eu-west-1"
      s3_bucket_name = "imports"
      s3_key_name    = "disks/{{timestamp}}.raw"
      format         = "raw"
      license_type   = "BYOL"
      tags           = { Name = "imported" }
      OPTIONS
    }
    post-processor "manifest" {}
  }
}
"#;

fn import(lab: &Lab, options: &str) -> Workspace {
    lab.ask("bucket", &json!("imports"));
    lab.environment(Workspace::new(&IMPORT.replace("OPTIONS", options)))
}

#[test]
fn a_disk_becomes_an_image_and_leaves_the_bucket() {
    let mut lab = Lab::start();
    for (options, name) in [("", "import-ami-"), ("ami_name = \"renamed\"\nami_users = [\"111122223333\"]", "renamed")]
    {
        lab.reset();
        let workspace = import(&lab, options);
        let ran = workspace.build(&[]);
        ran.says("Uploading");
        let images = lab.images();
        let (id, image) = images.as_object().unwrap().iter().next().unwrap();
        assert!(image["name"].as_str().unwrap().starts_with(name), "{image}");
        assert_eq!(image["tags"], json!({ "Name": "imported" }));
        let asked = lab.ask("imports", &Value::Null)[0].clone();
        assert_eq!(asked["size"], 19, "{asked}");
        assert_eq!(asked["DiskContainer.1.Format"], "raw");
        assert_eq!(asked["LicenseType"], "BYOL");
        let manifest: Value = serde_json::from_str(&workspace.read("packer-manifest.json")).unwrap();
        assert_eq!(manifest["builds"][0]["artifact_id"], format!("eu-west-1:{id}"));
        let left = lab.left();
        assert!(left.len() == 1 && left[0].starts_with("image "), "{left:#?}");
        crate::amazon_ebs::granted(&lab, &["build", "import"]);
    }
}

#[test]
fn an_import_is_encrypted_and_made_by_the_role_that_the_template_names() {
    let lab = Lab::start();
    import(&lab, "s3_encryption = \"AES256\"\nami_encrypt = true\nrole_name = \"importer\"").build(&[]);
    assert_eq!(lab.parameters("CreateMultipartUpload")[0]["X-Amz-Server-Side-Encryption"], "AES256");
    let form = &lab.parameters("ImportImage")[0];
    assert_eq!((&form["Encrypted"], &form["RoleName"]), (&json!("true"), &json!("importer")), "{form}");
}

#[test]
fn an_object_carries_the_tag_of_the_run_as_long_as_it_is_ours() {
    let lab = Lab::start();
    import(&lab, "skip_clean = true").build(&[]);
    let form = &lab.parameters("CreateMultipartUpload")[0];
    assert!(form["X-Amz-Tagging"].as_str().unwrap().starts_with("forge%3Arun="), "{form}");
    assert!(form.get("X-Amz-Server-Side-Encryption").is_none(), "{form}");
    assert_eq!(lab.parameters("DeleteObjectTagging").len(), 1);
    assert_eq!(lab.left().len(), 2, "the image and the object: {:#?}", lab.left());
    crate::amazon_ebs::granted(&lab, &["build", "import"]);
    // Whoever may not tag uploads all the same.
    let error = json!({ "code": "AccessDenied", "message": "s3:PutObjectTagging", "status": 403 });
    lab.rules(&json!([
        { "call": "CreateMultipartUpload", "nth": 1, "error": error },
        { "call": "DeleteObjectTagging", "error": error },
    ]));
    import(&lab, "skip_clean = true").build(&["-force"]).says("stays with the tag forge:run");
}

#[test]
fn nothing_stays_of_an_import_whatever_fails() {
    let finished = |text: &str| text.starts_with("image ") && text.contains("'Name': 'imported'");
    let template = |lab: &Lab| import(lab, "ami_name = \"renamed\"");
    let mut lab = Lab::start();
    let leaks = Leaks { workspace: &template, finished: &finished, also: &|_| {} };
    leaks.never(&mut lab);
    leaks.never_after_a_kill(&mut lab);

    // The snapshot of an imported image says nowhere whose it is.
    lab.reset();
    let workspace = template(&lab);
    let error = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
    lab.add_rule(&json!({ "call": "DeleteSnapshot", "error": error }));
    assert_eq!(workspace.run(&["build", "."]).code, Some(6));
    lab.rules(&json!([]));
    workspace.run(&["sweep"]).succeeded();
    assert_eq!(lab.left(), Vec::<String>::new());
}

#[test]
fn an_import_tells_what_it_cannot_do() {
    let lab = Lab::start();
    import(&lab, "").file("x", "");
    let workspace = import(&lab, "");
    let template = workspace.read("t.pkr.hcl");
    workspace.file("t.pkr.hcl", template.replace("format         = \"raw\"", "format = \"vmdk\""));
    workspace.fail(&[]).says("has no file that ends in .vmdk");
    workspace.file("t.pkr.hcl", template.replace("\"imports\"", "\"nobodys\""));
    workspace.fail(&["-force"]).says("NoSuchBucket");
    for (option, part) in [
        ("boot_mode = \"uefi\"", "\"platform\" is missing"),
        ("architecture = \"arm64\"\nplatform = \"linux\"\nboot_mode = \"legacy-bios\"", "boots by UEFI only"),
        ("ami_kms_key = \"alias/x\"", "no use without encryption"),
        ("s3_encryption_key = \"x\"", "no use without KMS"),
        ("platform = \"linuks\"", "no value of \"platform\""),
    ] {
        let ran = import(&lab, option).run(&["validate", "."]);
        assert_eq!(ran.code, Some(1), "{option}");
        ran.says(part);
    }
}

/// A task that is under way is ended, one that is over is passed over.
#[test]
fn an_import_of_a_lost_runner_is_swept_by_its_tag() {
    let lab = Lab::start();
    let elsewhere = || {
        let empty = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
        empty.run(&["sweep", "--aws", "--aws-regions", "eu-west-1", "--older-than", "0s"])
    };
    import(&lab, "").build(&[]);
    elsewhere().succeeded().says_not("import");
    assert_eq!(lab.left().len(), 1, "{:#?}", lab.left());
    let workspace = import(&lab, "");
    lab.rules(&json!([{ "call": "ImportImage", "nth": 1, "hold": "after" }]));
    lab.kill_when_held(&workspace, &["-force"]);
    assert!(lab.left().iter().any(|text| text.starts_with("import ")), "{:#?}", lab.left());
    let ran = elsewhere();
    ran.succeeded().says("removed   import image task import-ami-");
    assert!(!lab.left().iter().any(|text| text.starts_with("import ")), "{:#?}", lab.left());
    crate::amazon_ebs::granted(&lab, &["build", "import", "sweep"]);
    elsewhere().succeeded().says_not("import");
}

/// S3 is looked in where a bucket is named; what has no tag of a run is somebody's own.
#[test]
fn an_upload_of_a_lost_runner_is_swept_by_its_tag() {
    let lab = Lab::start();
    let elsewhere = |flags: &[&str]| {
        let empty = lab.environment(Workspace::new("")).env("AWS_REGION", "eu-west-1");
        let sweep = ["sweep", "--aws", "--aws-regions", "eu-west-1", "--aws-buckets", "imports"];
        empty.run(&[&sweep[..], flags].concat())
    };
    let objects = || lab.left().iter().filter(|text| text.contains("object")).count();
    // One that stays: it has no tag any more.
    import(&lab, "skip_clean = true").build(&[]);
    let stays = objects();
    lab.rules(&json!([{ "call": "CompleteMultipartUpload", "nth": 1, "hold": "after" }]));
    let workspace = import(&lab, "");
    lab.kill_when_held(&workspace, &["-force"]);
    assert_eq!(objects(), stays + 1, "{:#?}", lab.left());
    elsewhere(&[]).succeeded().says("may still be going: left alone");
    lab.rules(&json!([{ "call": "GetObjectTagging", "error": { "code": "AccessDenied", "status": 403 } }]));
    let ran = elsewhere(&["--older-than", "0s"]);
    assert_eq!(ran.code, Some(6));
    ran.says("FAILED    could not remove things in bucket imports: GetObjectTagging");
    lab.rules(&json!([]));
    elsewhere(&["--older-than", "0s"]).succeeded().says("removed   object s3://imports/disks/");
    assert_eq!(objects(), stays, "{:#?}", lab.left());
    crate::amazon_ebs::granted(&lab, &["build", "import", "sweep"]);
}
