//! Machines that hang in the middle of something: nothing waits for them without an end.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::client::ssh::testing::{Hanging, Never};
use crate::client::ssh::{Credentials, Settings, Via};
use crate::run::testing::context;

const KEEP_ALIVE: Option<Duration> = Some(Duration::from_secs(5));

fn config(never: Never, method: Method, keep_alive: Option<Duration>) -> SshConfig {
    let password = Some("correct horse".to_owned());
    SshConfig {
        hop: Hop {
            host: "m".to_owned(),
            port: 22,
            user: "u".to_owned(),
            credentials: Credentials { password, ..Credentials::default() },
        },
        via: Via::Own(Arc::new(Hanging(never))),
        settings: Settings { keep_alive, ..Settings::default() },
        private_key_file: None,
        ssh_keypair_name: String::new(),
        temporary_key_pair_name: String::new(),
        temporary_key_pair_type: String::new(),
        clear_authorized_keys: false,
        pty: false,
        timeout: Some(Duration::from_secs(100)),
        handshake_attempts: None,
        pause_before_connecting: Duration::ZERO,
        method,
        quiet: true,
    }
}

/// What is told in the end by a machine that hangs, and after how many seconds.
async fn told(config: SshConfig, upload: usize) -> (String, u64) {
    let folder = tempfile::tempdir().unwrap();
    let (cx, _receiver) = context(folder.path());
    let begun = Instant::now();
    let work = async {
        let machine = Ssh::connect(&config, &Fixed("m".to_owned(), 22), None, &cx).await?;
        match upload {
            0 => machine.exec("true", &cx).await.map(drop),
            size => {
                let content = Content::Bytes { bytes: vec![7; size].into(), mode: 0o644 };
                machine.upload_file(content, "/tmp/x", &cx).await
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(3600), work).await.expect("it has an end");
    (ended.expect_err("it fails").to_string(), begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_login_that_hangs_is_given_up_and_told() {
    for (never, part) in [
        (Never::Greets, "m:22 takes the connection, but no SSH server greets"),
        (Never::Takes(100), "m:22 greets, but the login does not come to an end"),
    ] {
        let (text, seconds) = told(config(never, Method::Fastest, KEEP_ALIVE), 0).await;
        assert!(text.contains(part) && seconds == 100, "{never:?}: {text} after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_never_answered_is_given_up() {
    for (never, upload, method, part) in [
        (Never::OpensChannels, 0, Method::Fastest, "does not start a command within 120 s"),
        (Never::StartsCommands, 0, Method::Fastest, "does not start a command within 120 s"),
        (Never::StartsSftp, 1, Method::Sftp, "does not start SFTP within 120 s"),
    ] {
        let (text, seconds) = told(config(never, method, KEEP_ALIVE), upload).await;
        // Once more over a connection of its own.
        assert!(text.contains(part) && (240..250).contains(&seconds), "{never:?}: {text} after {seconds} s");
    }
    // The subsystem is there, and never says a word.
    let (text, seconds) = told(config(Never::Reads, Method::Sftp, None), 1).await;
    assert!(text.contains("SFTP does not start") && seconds == 120, "{text} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_stalls_is_given_up() {
    const SIZE: usize = 8 << 20;
    // The network takes nothing more, with nobody to look for a sign of life.
    let (text, seconds) = told(config(Never::Takes(1 << 20), Method::Fastest, KEEP_ALIVE), SIZE).await;
    assert!(text.contains("/tmp/x was uploaded: the machine takes nothing any more"), "{text}");
    assert!((120..130).contains(&seconds), "{seconds}");
    // The network does, the machine does not read on.
    let (text, seconds) = told(config(Never::Reads, Method::Fastest, None), SIZE).await;
    assert!(text.contains("reads nothing of the upload for 300 s") && seconds < 310, "{text} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn a_download_that_stalls_is_given_up() {
    let config = config(Never::Reads, Method::Scp, None);
    let folder = tempfile::tempdir().unwrap();
    let (cx, _receiver) = context(folder.path());
    // Beside the journal.
    let target = folder.path().join("target");
    std::fs::create_dir(&target).unwrap();
    let machine = Ssh::connect(&config, &Fixed("m".to_owned(), 22), None, &cx).await.unwrap();
    for is_folder in [false, true] {
        let begun = Instant::now();
        let work = async {
            match is_folder {
                true => machine.download_directory("/srv/x/", &target, &cx).await,
                false => machine.download_file("/srv/x", &target.join("x"), &cx).await,
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(3600), work).await.expect("it has an end");
        let (text, seconds) = (ended.expect_err("it fails").to_string(), begun.elapsed().as_secs());
        assert!(text.contains("says nothing for 300 s") && seconds < 310, "{text} after {seconds} s");
        assert!(std::fs::read_dir(&target).unwrap().next().is_none());
    }
}
