//! `forge init`: nothing to install, but a word on every plugin.

use crate::support::Workspace;

fn requires(plugins: &str) -> Workspace {
    Workspace::new(&format!("packer {{\n  required_plugins {{\n{plugins}\n  }}\n}}\n"))
}

const DOCKER: &str =
    "    docker = {\n      version = \">= 1.0.0\"\n      source  = \"github.com/hashicorp/docker\"\n    }";
const OTHER: &str = "    wine = {\n      version = \"~> 2\"\n      source  = \"github.com/example/wine\"\n    }";

#[test]
fn what_is_built_in_is_satisfied() {
    let ran = requires(DOCKER).run(&["init", "."]);
    ran.succeeded().says("github.com/hashicorp/docker >= 1.0.0: built in (builder docker;");
    Workspace::new("locals {}\n").run(&["init", "-upgrade", "."]).succeeded().says("requires no plugins");
}

#[test]
fn what_is_missing_is_named_at_its_place() {
    let ran = requires(&format!("{DOCKER}\n{OTHER}")).run(&["init", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("docker >= 1.0.0: built in").says("plugin \"wine\" (github.com/example/wine)").says("t.pkr.hcl:7:5");
    let ran = requires("    wine = \">= 1\"").run(&["init", "."]);
    assert_eq!(ran.code, Some(1));
    ran.says("needs a version and a source");
    assert_eq!(Workspace::new("").run(&["init", "nowhere"]).code, Some(1));
}
