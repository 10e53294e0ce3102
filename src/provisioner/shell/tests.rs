//! Tests of the provisioner `shell` against a communicator that notes what it is asked.

use std::path::Path;

use super::*;
use crate::eval::testing::decode as decode_options;
use crate::provisioner::tests::Recorder;
use crate::run::testing::{context, texts};
use crate::value::Value;

fn shell(folder: &Path, options: &[(&str, Value)]) -> Result<Shell, Vec<String>> {
    decode_options(folder, options, Shell::decode)
}

fn inline(lines: &[&str]) -> (&'static str, Value) {
    ("inline", Value::strings(lines.iter().copied()))
}

/// Runs with the options and returns the calls made, and the outcome's text.
async fn run(options: &[(&str, Value)], on: &Recorder) -> (Vec<String>, Result<(), String>) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.sh"), "echo a\r\n").unwrap();
    let (cx, _receiver) = context(folder.path());
    let shell = shell(folder.path(), options).unwrap();
    let done = shell.provision(on, &cx).await.map_err(|error| error.to_string());
    (on.calls(), done)
}

#[test]
fn mistakes_are_reported_at_plan_time() {
    let folder = tempfile::tempdir().unwrap();
    let mistakes = |options: &[(&str, Value)]| shell(folder.path(), options).err().unwrap_or_default().join("\n");
    assert!(mistakes(&[]).contains("exactly one script is needed: give one of \"inline\", \"script\", \"scripts\""));
    assert!(mistakes(&[inline(&["a"]), ("script", "b".into())]).contains("exactly one script is needed"));
    assert!(mistakes(&[("script", "none.sh".into())]).contains("bad script \"none.sh\""));
    assert!(mistakes(&[("script", ".".into())]).contains("it is a folder"));
    let bad = Value::strings(["=x", "y", "z=1"]);
    let text = mistakes(&[inline(&["a"]), ("environment_vars", bad)]);
    assert!(text.contains("\"=x\" is not") && text.contains("\"y\" is not") && !text.contains("z=1"), "{text}");
    assert!(mistakes(&[inline(&["a"]), ("pause_after", "5".into())]).contains("not a duration"));
    assert!(mistakes(&[inline(&["a"]), ("skip_claen", true.into())]).contains("unknown option \"skip_claen\""));
    let unknown = Value::unknown(crate::value::Type::String);
    assert!(mistakes(&[("script", unknown.clone())]).is_empty(), "a path that is not known yet cannot be missing");
    assert!(mistakes(&[inline(&[]), ("scripts", Value::tuple(vec![unknown]))]).is_empty());
}

#[tokio::test]
async fn the_shebang_gives_way_to_the_scripts_own() {
    for (options, first) in [
        (vec![inline(&["#!/bin/bash", "x"])], "#!/bin/bash\\nx"),
        (vec![inline(&["#!/bin/bash"]), ("inline_shebang", "/bin/sh -x".into())], "#!/bin/sh -x\\n#!/bin/bash"),
        (vec![("script", "a.sh".into())], "echo a\\n\""),
        (vec![("script", "a.sh".into()), ("binary", true.into())], "echo a\\r\\n\""),
    ] {
        let (calls, done) = run(&options, &Recorder::default()).await;
        done.unwrap();
        assert!(calls[0].contains(&format!(" \"{first}")), "{calls:?}");
    }
}

#[tokio::test]
async fn exit_codes_are_judged_as_the_template_says() {
    let exit = |status| Recorder::answering([Ok(Exit::Status(status))]);
    let refusal = |done: Result<(), String>| done.unwrap_err();
    let (_, done) = run(&[inline(&["x"])], &exit(3)).await;
    assert_eq!(refusal(done), "Script exited with non-zero exit status: 3. Allowed exit codes are: [0]");
    let codes = Value::tuple(vec![0.into(), 3.into()]);
    let options = [inline(&["x"]), ("valid_exit_codes", codes)];
    run(&options, &exit(3)).await.1.unwrap();
    let (_, done) = run(&options, &exit(4)).await;
    assert!(refusal(done).ends_with("4. Allowed exit codes are: [0 3]"));

    let broken = || Recorder::answering([Ok(Exit::Disconnected)]);
    let (_, done) = run(&[inline(&["x"])], &broken()).await;
    assert!(refusal(done).starts_with("Script disconnected unexpectedly."));
    let (calls, done) = run(&[inline(&["x"]), ("expect_disconnect", true.into())], &broken()).await;
    done.unwrap();
    assert!(calls[1].starts_with("exec rm -f /tmp/script_"), "{calls:?}");
    let codes = Value::tuple(vec![PASSING_DISCONNECT.into()]);
    run(&[inline(&["x"]), ("valid_exit_codes", codes)], &broken()).await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn only_what_may_pass_is_tried_again() {
    let busy = || Err(CommunicatorError::Remote("connection refused".to_owned()));
    let on = Recorder::answering([busy(), busy(), Ok(Exit::Status(0))]);
    let (calls, done) = run(&[inline(&["x"])], &on).await;
    done.unwrap();
    assert_eq!(calls.len(), 3);

    let gone = Err(CommunicatorError::Permanent("no such container".to_owned()));
    let (calls, done) = run(&[inline(&["x"])], &Recorder::answering([gone])).await;
    assert_eq!((calls.len(), done.unwrap_err().as_str()), (1, "no such container"));

    let on = Recorder::answering([busy()]);
    let (calls, done) = run(&[inline(&["x"]), ("start_retry_timeout", "1s".into())], &on).await;
    assert_eq!((calls.len(), done.unwrap_err().as_str()), (1, "connection refused"));
}

#[tokio::test]
async fn pauses_end_with_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let (cx, receiver) = context(folder.path());
    let shell = shell(folder.path(), &[inline(&["x"]), ("pause_after", "1h".into())]).unwrap();
    let stop = cx.cancel.stop.clone();
    let stopper = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
    };
    let on = Recorder::default();
    let (done, ()) = tokio::join!(shell.provision(&on, &cx), stopper);
    assert!(matches!(done, Err(ProvisionError::Cancelled(_))));
    let said = texts(cx, receiver).await;
    assert_eq!(said, ["Provisioning with shell script: inline", "Pausing 3600s after this provisioner..."]);
}
