//! A Sigstore of a test's own: `tests/lab/sigstore.py`.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::setting;

/// Authorities that nobody else knows.
pub(crate) struct Sigstore(TempDir);

impl Sigstore {
    /// Like GitHub's own instance, which has no logs.
    pub(crate) fn new() -> Self {
        Self::of(&[])
    }

    /// With a transparency log.
    pub(crate) fn with_log() -> Self {
        Self::of(&["log"])
    }

    fn of(more: &[&str]) -> Self {
        let sigstore = Self(tempfile::tempdir().unwrap());
        sigstore.run("new", more, "");
        sigstore
    }

    /// As `gh attestation trusted-root` prints it.
    pub(crate) fn root(&self) -> String {
        std::fs::read_to_string(self.0.path().join("trusted_root.json")).unwrap()
    }

    /// The bundle of what is told there.
    pub(crate) fn attest(&self, what: &Value) -> Value {
        serde_json::from_str(&self.run("attest", &[], &what.to_string())).unwrap()
    }

    fn run(&self, what: &str, more: &[&str], input: &str) -> String {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab/sigstore.py");
        let mut command = Command::new(setting("FORGE_TEST_PYTHON"));
        command.arg(script).arg(what).arg(self.0.path()).args(more).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{what}: {}", output.status);
        String::from_utf8(output.stdout).unwrap()
    }
}
