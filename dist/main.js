// Main entry point of the action: starts `forge action`, shows its output, forwards signals, passes its exit code on.
//
// A cancelled job gives this process 10 s: SIGINT, SIGTERM at 7.5 s, then the kill. Releasing an image build's machines
// takes minutes. So the build runs in a process group of its own and writes to a file; this process only watches. It
// leaves in time, or is killed, and the build goes on until post.js has waited for it.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const { locate } = require('./binary.js');
const { LauncherError, LogTail, enter, required, saveState, say, startTime, warn } = require('./launcher.js');
const release = require('./release.json');

const LEAVE_AFTER_MS = 5_000; // of the first signal; the runner's next one comes at 7.5 s
const POLL_MS = 100;

const codeOf = (signal) => 128 + os.constants.signals[signal];

async function main(env) {
  const abandon = new AbortController();
  let build = null;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (build) build.forward(signal);
      else abandon.abort(signal);
    });
  }
  let binary;
  try {
    binary = await locate(env, release, abandon.signal);
  } catch (fault) {
    if (!abandon.signal.aborted) throw fault;
  }
  if (abandon.signal.aborted) {
    say(`stopped by ${abandon.signal.reason} before the build started`);
    return codeOf(abandon.signal.reason);
  }
  build = new Build(env, binary);
  return build.ended;
}

class Build {
  constructor(env, binary) {
    this.env = env;
    const folder = fs.mkdtempSync(path.join(required(env, 'RUNNER_TEMP'), 'forge-'));
    const log = `${folder}.log`;
    // Known to post before there is anything to release.
    saveState(env, { folder, log, binary: binary.path, sha256: binary.sha256 });
    // What a sweep signs in with: inputs may be others by then.
    this.note({ role: env['INPUT_AWS-ROLE'] || '', region: env['INPUT_AWS-REGION'] || '' });
    const output = fs.openSync(log, 'ax', 0o600);
    this.child = spawn(binary.path, ['action'], {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...env, FORGE_STATE_DIR: folder },
      windowsHide: true,
    });
    fs.closeSync(output);
    this.tail = new LogTail(log, 0);
    this.ended = this.watch(binary.path);
    const { pid } = this.child;
    if (pid) this.note({ pid, start: startTime(pid) ?? '' });
  }

  /** The build goes on when the disk is full; then post finds less than it could know, and is the more careful. */
  note(values) {
    try {
      saveState(this.env, values);
    } catch (fault) {
      warn(`could not save the state for the post step: ${fault.message}`);
    }
  }

  /** Resolves to the exit code of the step. */
  watch(binary) {
    return new Promise((resolve, reject) => {
      this.leave = resolve;
      this.timer = setInterval(() => this.tail.show(false), POLL_MS);
      this.child.on('error', (fault) => {
        clearInterval(this.timer);
        reject(new LauncherError(`could not start ${binary}: ${fault.message}`));
      });
      this.child.on('exit', (code, signal) => {
        clearInterval(this.timer);
        clearTimeout(this.leaving);
        this.tail.finish();
        const status = signal ? codeOf(signal) : code;
        this.note({ finished: status });
        resolve(status);
      });
    });
  }

  forward(signal) {
    if (!this.leaving) {
      // Before the signal: post must not send a second one, which would tell the build to stop waiting.
      this.note({ forwarded: signal });
      this.leaving = setTimeout(() => this.abandon(signal), LEAVE_AFTER_MS);
    }
    // Windows cannot signal another process, it ends it: then the sweep in post releases what the build held.
    this.child.kill(signal);
  }

  abandon(signal) {
    clearInterval(this.timer);
    this.tail.show(false);
    this.note({ shown: this.tail.offset });
    say(`${signal}: the build is still cleaning up; the post step shows the rest and waits for it`);
    this.child.unref();
    this.leave(codeOf(signal));
  }
}

if (require.main === module) enter(main);
