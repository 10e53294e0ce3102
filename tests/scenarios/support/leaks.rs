//! Whatever call fails or loses its answer, and in whatever call a run is told to stop: nothing stays.

use std::time::Duration;

use serde_json::json;

use super::Workspace;
use super::lab::Lab;

/// What a run may leave.
pub(crate) struct Leaks<'a> {
    /// Makes the template of each run, in a lab that was reset.
    pub workspace: &'a dyn Fn(&Lab) -> Workspace,
    /// Whether what the lab lists is what a run that succeeded has made.
    pub finished: &'a dyn Fn(&str) -> bool,
    /// Looks at what is not in the lab.
    pub also: &'a dyn Fn(&Workspace),
}

fn only_looks(call: &str) -> bool {
    ["Describe", "Get", "Head", "List"].iter().any(|word| call.starts_with(word))
}

/// Whether something may be there after the call that was not there before.
fn makes(call: &str) -> bool {
    const ENDING: [&str; 9] =
        ["Abort", "Cancel", "Delete", "Deregister", "Detach", "Disable", "Remove", "Stop", "Terminate"];
    !only_looks(call) && !ENDING.iter().any(|word| call.starts_with(word))
}

/// How many calls of that name there are up to number `n`.
fn nth(calls: &[String], n: usize) -> usize {
    calls[..n].iter().filter(|call| **call == calls[n - 1]).count()
}

impl Leaks<'_> {
    /// Fails at every call, stops at every call, and loses the answer to every call that changes something.
    pub(crate) fn never(&self, lab: &mut Lab) {
        self.never_in(lab, |_| true);
    }

    /// The same for some of the calls, where others see to the rest. Those that make something are always among them.
    pub(crate) fn never_in(&self, lab: &mut Lab, concerns: impl Fn(&str) -> bool) {
        lab.reset();
        (self.workspace)(lab).build(&[]);
        self.left(lab, true, "a run that succeeds", "");
        let calls = lab.calls();
        for n in (1..=calls.len()).filter(|n| makes(&calls[n - 1]) || concerns(&calls[n - 1])) {
            lab.reset();
            let workspace = (self.workspace)(lab);
            let error = json!({ "code": "UnauthorizedOperation", "message": "You are not authorized", "status": 403 });
            lab.add_rule(&json!({ "nth": n, "error": error }));
            let ran = workspace.run(&["build", "."]);
            self.look(lab, &workspace, n, ran.code, &ran.stdout);

            if !only_looks(&calls[n - 1]) {
                lab.reset();
                let workspace = (self.workspace)(lab);
                lab.add_rule(&json!({ "nth": n, "reset": "after" }));
                let ran = workspace.run(&["build", "."]);
                self.look(lab, &workspace, n, ran.code, &ran.stdout);
            }

            lab.reset();
            let workspace = (self.workspace)(lab);
            lab.add_rule(&json!({ "nth": n, "hold": "before" }));
            let mut run = workspace.start(&[]);
            // A run that asks once less for what takes its time has no such call.
            super::wait("a held call", || run.ended() || lab.holds());
            if !run.ended() {
                run.signal("INT");
            }
            std::thread::sleep(Duration::from_millis(50));
            lab.release();
            let (code, log) = run.end();
            self.look(lab, &workspace, n, code, &log);
        }
    }

    /// Kills the run in every call that changes something, once that is done, and sweeps.
    pub(crate) fn never_after_a_kill(&self, lab: &mut Lab) {
        lab.reset();
        (self.workspace)(lab).build(&[]);
        let calls = lab.calls();
        let let_go = calls.iter().rposition(|call| call == "DeleteTags").map_or(0, |at| at + 1);
        for n in (1..=calls.len()).filter(|n| !only_looks(&calls[n - 1])) {
            lab.reset();
            let workspace = (self.workspace)(lab);
            lab.add_rule(&json!({ "call": calls[n - 1], "nth": nth(&calls, n), "hold": "after" }));
            let mut run = workspace.start(&[]);
            super::wait("a held call", || run.ended() || lab.holds());
            run.signal("KILL");
            let (_, log) = run.end();
            lab.release();
            // What was asked for side by side is there a moment later.
            std::thread::sleep(Duration::from_millis(300));
            let ran = workspace.run(&["sweep"]);
            let when = format!("killed in call {n}, {}", calls[n - 1]);
            assert_eq!(ran.code, Some(0), "{when}: {ran:#?}");
            // What has lost our tags may be finished once nothing but the cleanup is left.
            self.left(lab, n > let_go, &when, &format!("{log}\n{}", ran.stdout));
            assert_eq!(workspace.journals(), 0, "{when}: {}", ran.stdout);
        }
    }

    fn look(&self, lab: &Lab, workspace: &Workspace, n: usize, code: Option<i32>, log: &str) {
        let when = format!("call {n}, {}", lab.calls().get(n - 1).cloned().unwrap_or_default());
        // A run that is stopped while the artifact is processed further keeps what it says that it has made.
        let kept = code == Some(0) || log.contains("The artifacts of the builds are:");
        self.left(lab, kept, &when, log);
        assert_eq!(workspace.journals(), 0, "{when}: {log}");
        (self.also)(workspace);
    }

    fn left(&self, lab: &Lab, kept: bool, when: &str, log: &str) {
        let left = lab.left();
        let allowed = |text: &String| kept && (self.finished)(text) && !text.contains("forge:");
        let wrong: Vec<&String> = left.iter().filter(|text| !allowed(text)).collect();
        assert!(wrong.is_empty(), "{when}: left {wrong:#?}\n{log}");
    }
}
