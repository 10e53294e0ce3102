//! `vault` and `consul_key`: what they ask, what they give, and that nothing of it is shown.
//!
//! No package of the distribution has a Vault or a Consul, so a small server answers as their API is documented; the
//! distribution's Packer, which brings HashiCorp's own clients of both, asks it too.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::http::{Reply, Request, Server, reply};
use crate::support::{Workspace, setting, wait};

const TOKEN: &str = "hvs.a-token-that-is-long";

/// A key/value engine of version 2 at `secret`, one of version 1 at `kv`, and Consul's store. Everything else is not
/// there.
fn answers(request: &Request) -> Option<Reply> {
    let path = request.target.split('?').next().unwrap();
    if !path.starts_with("/v1/kv/app/") && request.header("x-vault-token") != TOKEN {
        return Some(reply(403, r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#));
    }
    let secret = |data: &str| reply(200, format!(r#"{{"request_id":"r","lease_duration":0,"data":{data}}}"#));
    Some(match path {
        "/v1/secret/data/app" => secret(
            r#"{"data":{"password":"correct-horse-two","port":5432},"metadata":{"version":3,"deletion_time":""}}"#,
        ),
        "/v1/secret/data/old" => reply(
            404,
            r#"{"data":{"data":null,"metadata":{"deletion_time":"2024-01-01T00:00:00Z","version":1}},"warnings":null}"#,
        ),
        "/v1/secret/app" => {
            reply(404, r#"{"data":null,"warnings":["Invalid path for a versioned K/V secrets engine."]}"#)
        }
        "/v1/kv/plain" => secret(r#"{"password":"correct-horse-one"}"#),
        // "battery-staple" and "with a blank".
        "/v1/kv/app/name" => reply(200, r#"[{"Key":"app/name","Value":"YmF0dGVyeS1zdGFwbGU=","Flags":0}]"#),
        "/v1/kv/app/a%20b" => reply(200, r#"[{"Key":"app/a b","Value":"d2l0aCBhIGJsYW5r","Flags":0}]"#),
        "/v1/kv/app/empty" => reply(200, r#"[{"Key":"app/empty","Value":null,"Flags":0}]"#),
        "/v1/kv/app/bytes" => reply(200, r#"[{"Key":"app/bytes","Value":"//4=","Flags":0}]"#),
        "/v1/kv/app/denied" => reply(403, "Permission denied: token lacks permission 'key:read'"),
        _ if path.starts_with("/v1/kv/app/") => reply(404, ""),
        _ => reply(404, r#"{"errors":[]}"#),
    })
}

/// A build that writes `value` to the file `out`.
pub(crate) fn template(value: &str) -> Workspace {
    Workspace::new(&format!(
        "locals {{ value = {value} }}\nsource \"file\" \"f\" {{\n  content = local.value\n  target  = \"out\"\n}}\nbuild {{ sources = [\"file.f\"] }}\n"
    ))
}

fn asking(server: &Server, value: &str) -> Workspace {
    template(value)
        .env("VAULT_ADDR", format!("http://{}", server.address))
        .env("VAULT_TOKEN", TOKEN)
        .env("CONSUL_HTTP_ADDR", &server.address)
}

/// Builds with the peer in an environment like ours.
fn packer(workspace: &Workspace) -> Option<i32> {
    let ours = workspace.command(&[]);
    let mut packer = Command::new(setting("FORGE_TEST_PACKER"));
    packer.args(["build", "-force", "."]).current_dir(workspace.path()).env_clear().env("CHECKPOINT_DISABLE", "1");
    packer.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
    packer.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).status().unwrap().code()
}

#[test]
fn vault_and_consul_are_asked_as_the_peers_clients_ask_them() {
    let server = Server::new(answers);
    let values = r#"join("\n", [vault("secret/data/app", "password"), vault("/kv//plain", "password"), consul_key("app/name"), consul_key("/app/a b")])"#;
    let workspace = asking(&server, values)
        .env("VAULT_NAMESPACE", "team/a")
        .env("CONSUL_HTTP_TOKEN", "a-consul-token")
        .env("CONSUL_NAMESPACE", "ns 1")
        .env("CONSUL_HTTP_AUTH", "user:a-consul-password");
    assert_eq!(packer(&workspace), Some(0));
    let (theirs, asked) = (workspace.read("out"), server.asked());
    assert_eq!(theirs, "correct-horse-two\ncorrect-horse-one\nbattery-staple\nwith a blank");
    workspace.build(&["-force"]);
    assert_eq!(workspace.read("out"), theirs);
    let seen = |request: &Request| {
        let names = ["x-vault-token", "x-vault-namespace", "x-consul-token", "authorization"];
        let headers = names.map(|name| request.header(name).to_owned());
        (request.target.clone(), headers)
    };
    let (mut theirs, ours): (Vec<_>, Vec<_>) =
        (asked.iter().map(seen).collect(), server.asked()[asked.len()..].iter().map(seen).collect());
    // It may evaluate a local more than once.
    theirs.dedup();
    assert_eq!(ours, theirs);
    assert!(server.asked()[asked.len()..].iter().all(|request| {
        // Newer clients of Vault say so, against requests that were smuggled in.
        request.header("x-vault-request") == "true" || request.target.starts_with("/v1/kv/app/")
    }));
}

#[test]
fn what_is_not_there_is_an_error_at_its_place() {
    let server = Server::new(answers);
    for (call, parts) in [
        ("vault(\"secret/data/none\", \"k\")", &["there is no secret at \"secret/data/none\""][..]),
        (
            "vault(\"secret/app\", \"k\")",
            &["Invalid path for a versioned K/V", "= help: in a key/value engine", "\"secret/data/app\""],
        ),
        ("vault(\"secret/data/old\", \"k\")", &["the latest version of the secret", "is deleted"]),
        ("vault(\"secret/data/app\", \"user\")", &["has no key \"user\"", "= help: it has: password, port"]),
        ("vault(\"secret/data/app\", \"port\")", &["holds a number, not a text", "store it as a text"]),
        ("vault(\"kv/plain\", \"user\")", &["has no key \"user\""]),
        ("consul_key(\"app/none\")", &["there is no key \"app/none\""]),
        ("consul_key(\"app/empty\")", &["the value of key \"app/empty\"", "is empty"]),
        ("consul_key(\"app/bytes\")", &["is not UTF-8 text"]),
        ("consul_key(\"app/denied\")", &["answered 403", "lacks permission", "CONSUL_HTTP_TOKEN needs a policy"]),
    ] {
        let workspace = asking(&server, call);
        for command in [&["build", "."][..], &["validate", "."]] {
            let ran = workspace.run(command);
            assert_eq!(ran.code, Some(1), "{call}: {ran:#?}");
            ran.says(" --> t.pkr.hcl:1:18").says("error in function").says_not("5432");
            for part in parts {
                ran.says(part);
            }
        }
        // It takes bytes for text, and panics at numbers and deleted secrets; each ends it all the same.
        if !call.contains("bytes") {
            assert_ne!(packer(&workspace), Some(0), "{call}");
        }
    }
    let ran = asking(&server, "vault(\"secret/data/app\", \"password\")").env("VAULT_TOKEN", "hvs.another").fail(&[]);
    ran.says("answered 403")
        .says("1 error occurred: * permission denied")
        .says("the token may be old")
        .says_not("hvs.another");
    let ran = template("vault(\"secret/data/app\", \"password\")").fail(&[]);
    ran.says("VAULT_TOKEN is not set").says("t.pkr.hcl:1:18");
    let ran = asking(&server, "try(vault(\"secret/data/none\", \"k\"), can(consul_key(\"app/none\")), \"x\")");
    ran.build(&[]);
    assert_eq!(ran.read("out"), "false");
}

#[test]
fn they_work_wherever_functions_do_and_each_secret_is_read_once() {
    let server = Server::new(answers);
    let workspace = Workspace::new(
        r#"
variable "name" {
  default = "battery-staple"
  validation {
    condition     = var.name == consul_key("app/name")
    error_message = "Not the name."
  }
}
data "null" "d" { input = vault("secret/data/app", "password") }
locals { shown = templatefile("more.txt", {}) }
source "null" "a" { communicator = "none" }
source "null" "b" { communicator = "none" }
build {
  sources = ["null.a", "null.b"]
  provisioner "shell-local" {
    environment_vars = ["ONE=${vault("secret/data/app", "password")}", "TWO=${consul_key("app/name")}"]
    inline           = ["test \"$ONE-$TWO\" = \"correct-horse-two-$NAME\" && echo \"${local.shown}: $ONE\" | sed s/horse/cow/"]
    env              = { NAME = var.name }
  }
  provisioner "shell-local" {
    inline = ["test \"${data.null.d.output}${build.ID == "" ? "" : vault("kv/plain", "password")}\" = correct-horse-twocorrect-horse-one"]
  }
}
"#,
    )
    .env("VAULT_ADDR", format!("http://{}/", server.address))
    .env("VAULT_TOKEN", TOKEN)
    .env("CONSUL_HTTP_ADDR", format!("http://{}", server.address));
    workspace.file("more.txt", "it is ${consul_key(\"app/name\")}");
    let ran = workspace.build(&[]);
    ran.says("null.a: <sensitive>: correct-cow-two").says("null.b: <sensitive>: correct-cow-two");
    let mut targets: Vec<String> = server.asked().into_iter().map(|request| request.target).collect();
    targets.sort();
    assert_eq!(targets, ["/v1/kv/app/name", "/v1/kv/plain", "/v1/secret/data/app"]);
    workspace.run(&["validate", "-syntax-only", "."]).succeeded();
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn neither_secrets_nor_tokens_are_shown() {
    let server = Server::new(answers);
    let value = "join(\" \", [vault(\"secret/data/app\", \"password\"), consul_key(\"app/name\")])";
    let secrets =
        ["correct-horse", "battery-staple", TOKEN, "a-consul-token", "an-address-password", "Y29ycmVjdC1ob3J"];
    let workspace = asking(&server, value)
        .env("VAULT_ADDR", format!("http://user:an-address-password@{}", server.address))
        .env("CONSUL_HTTP_TOKEN", "a-consul-token")
        .env("FORGE_LOG", "trace");
    workspace.file(
        "u.pkr.hcl",
        "source \"null\" \"n\" { communicator = \"none\" }\nbuild {\n  sources = [\"null.n\"]\n  provisioner \"shell-local\" { inline = [\"echo ${local.value}; echo ${base64encode(local.value)}\"] }\n}\n",
    );
    for command in [&["build", "."][..], &["validate", "."], &["inspect", "."]] {
        let ran = workspace.run(command);
        ran.succeeded();
        for secret in secrets {
            ran.says_not(secret);
        }
    }
    assert!(server.asked()[0].header("authorization").starts_with("Basic "));
    let failing = workspace.env("VAULT_ADDR", "http://user:an-address-password@127.0.0.1:9");
    let ran = failing.env("VAULT_MAX_RETRIES", "0").fail(&[]);
    ran.says("http://127.0.0.1:9 could not be asked").says("VAULT_ADDR says where to ask");
    for secret in secrets {
        ran.says_not(secret);
    }
}

#[test]
fn passing_failures_are_tried_again_and_silence_ends() {
    let tries = AtomicUsize::new(0);
    let server = Server::new(move |request| match tries.fetch_add(1, Ordering::SeqCst) {
        0 => Some(reply(503, r#"{"errors":["Vault is sealed"]}"#)),
        1 => Some(reply(500, "")),
        _ => answers(request),
    });
    let workspace = asking(&server, "vault(\"secret/data/app\", \"password\")");
    workspace.build(&[]);
    assert_eq!((workspace.read("out").as_str(), server.asked().len()), ("correct-horse-two", 3));

    let server = Server::new(|_| Some(reply(503, r#"{"errors":["Vault is sealed"]}"#)));
    let ran = asking(&server, "vault(\"secret/data/app\", \"password\")").env("VAULT_MAX_RETRIES", "1").fail(&[]);
    ran.says("answered 503").says("Vault is sealed").says("the server may be sealed");
    assert_eq!(server.asked().len(), 2);

    let server = Server::new(|_| None);
    let ran = asking(&server, "vault(\"a\", \"b\")").env("VAULT_CLIENT_TIMEOUT", "500ms").fail(&[]);
    ran.says("gave no answer within 0.5 s");
    assert!(ran.took.as_secs() < 5, "{:?}", ran.took);
}

#[test]
fn one_redirect_is_followed_and_keeps_the_token() {
    let active = Server::new(answers);
    let to = format!("http://{}", active.address);
    let standby =
        Server::new(move |request| Some(Reply { location: Some(format!("{to}{}", request.target)), ..reply(307, "") }));
    let value = "vault(\"secret/data/app\", \"password\")";
    let workspace = asking(&standby, value);
    workspace.build(&[]);
    assert_eq!((workspace.read("out").as_str(), active.asked().len()), ("correct-horse-two", 1));
    asking(&standby, value).env("VAULT_DISABLE_REDIRECTS", "true").fail(&[]).says("answered 307");
}

#[test]
fn consul_is_reached_through_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("consul.sock");
    let server = Server::at_socket(&path, answers);
    let address = format!("unix://{}", server.address);
    let workspace = template("consul_key(\"app/name\")").env("CONSUL_HTTP_ADDR", &address);
    workspace.build(&[]);
    assert_eq!(workspace.read("out"), "battery-staple");
    let ran = template("consul_key(\"app/none\")").env("CONSUL_HTTP_ADDR", &address).fail(&[]);
    ran.says(&format!("there is no key \"app/none\" in {address}"));
}

/// `openssl s_server`, which gives out the files below its folder.
struct Tls {
    child: Child,
    address: String,
}

impl Tls {
    fn new(folder: &Path, more: &[&str]) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let child = Command::new("openssl")
            .args(["s_server", "-quiet", "-WWW", "-accept", &address, "-cert", "server.pem", "-key", "server.key"])
            .args(more)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait("the TLS server", || TcpStream::connect(&address).is_ok());
        Self { child, address }
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An authority, and what it signed for the server and for us.
fn certificates(folder: &Path) {
    let openssl = |args: &str| {
        let output = Command::new("openssl").args(args.split(' ')).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{args}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    openssl(&format!("req -x509 {key} -subj /CN=authority -keyout ca.key -out ca.pem"));
    for (name, extension) in [("server", "subjectAltName=IP:127.0.0.1"), ("us", "extendedKeyUsage=clientAuth")] {
        openssl(&format!(
            "req -x509 {key} -subj /CN={name} -addext {extension} -addext basicConstraints=critical,CA:FALSE -CA ca.pem -CAkey ca.key -keyout {name}.key -out {name}.pem"
        ));
    }
}

#[test]
fn who_is_trusted_over_tls_is_what_the_variables_say() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (path, content) in [
        ("v1/kv/plain", r#"{"data":{"password":"correct-horse-tls"}}"#),
        ("v1/kv/app/name", r#"[{"Key":"app/name","Value":"YmF0dGVyeS1zdGFwbGU="}]"#),
    ] {
        fs::create_dir_all(Path::new(&file(path)).parent().unwrap()).unwrap();
        fs::write(file(path), content).unwrap();
    }
    fs::create_dir(file("authorities")).unwrap();
    fs::copy(file("ca.pem"), file("authorities/ca.pem")).unwrap();
    let server = Tls::new(folder.path(), &[]);
    let vault = |address: &str| {
        template("vault(\"kv/plain\", \"password\")")
            .env("VAULT_ADDR", format!("https://{address}"))
            .env("VAULT_TOKEN", TOKEN)
            .env("VAULT_MAX_RETRIES", "0")
    };
    let consul = || template("consul_key(\"app/name\")").env("CONSUL_HTTP_ADDR", &server.address);
    for trusting in [
        vault(&server.address).env("VAULT_CACERT", file("ca.pem")),
        vault(&server.address).env("VAULT_CACERT_BYTES", fs::read_to_string(file("ca.pem")).unwrap()),
        vault(&server.address).env("VAULT_CAPATH", file("authorities")),
        vault(&server.address).env("VAULT_SKIP_VERIFY", "true"),
        consul().env("CONSUL_HTTP_SSL", "true").env("CONSUL_CACERT", file("ca.pem")),
        consul().env("CONSUL_HTTP_SSL", "true").env("CONSUL_HTTP_SSL_VERIFY", "false"),
    ] {
        trusting.build(&[]);
    }
    vault(&server.address).fail(&[]).says("could not be asked").says("UnknownIssuer").says("VAULT_CACERT");
    let plain = vault(&server.address).env("VAULT_ADDR", format!("http://{}", server.address));
    plain.fail(&[]).says("could not be asked");
    let speaks_plain = setting("FORGE_TEST_AWS").replace("http://", "");
    vault(&speaks_plain).fail(&[]).says("write http:// in VAULT_ADDR");

    let strict = Tls::new(folder.path(), &["-Verify", "1", "-CAfile", "ca.pem", "-verify_return_error"]);
    let trusting = |address: &str| vault(address).env("VAULT_CACERT", file("ca.pem"));
    trusting(&strict.address).fail(&[]).says("could not be asked");
    let known = trusting(&strict.address).env("VAULT_CLIENT_CERT", file("us.pem"));
    known.env("VAULT_CLIENT_KEY", file("us.key")).build(&[]);
}
