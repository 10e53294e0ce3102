// Post entry point of the action, run whatever happened: waits for a build that outlived main, then `forge sweep`.
//
// All it knows is the state that main saved: inputs and job environment may have changed since.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const { setTimeout: pause } = require('node:timers/promises');

const { sha256 } = require('./binary.js');
const { LogTail, enter, error, exists, loadState, recentOffset, say, startTime, warn } = require('./launcher.js');

const POLL_MS = 200;
const WAIT_S = 200; // the runner's own limit for everything after a cancel is 5 minutes
const TERM_MS = 10_000; // between SIGTERM and SIGKILL
const KILL_MS = 5_000; // for the kernel to end a killed process

async function post(env) {
  const state = loadState(env);
  if (!state.folder) {
    say('no build was started, nothing to clean up');
    return 0;
  }
  if (!state.finished) await outlive(env, state);
  const code = await sweep(env, state);
  if (code === 0) {
    fs.rmSync(state.folder, { recursive: true, force: true });
    fs.rmSync(state.log, { force: true });
  }
  return code;
}

/** Stays until the build has ended. Only a process with the recorded pid and start time is ever signalled. */
async function outlive(env, state) {
  const pid = Number(state.pid);
  const certain = state.start !== '';
  const alive = () => pid > 0 && (certain ? startTime(pid) === state.start : exists(pid));
  const signal = (name, group) => {
    if (!certain || !alive()) return;
    say(`sending ${name} to the build (pid ${pid})`);
    try {
      process.kill(group ? -pid : pid, name);
    } catch (fault) {
      if (fault.code !== 'ESRCH') throw fault;
    }
  };

  if (alive()) say(`the build (pid ${pid}) is still running`);
  const tail = openLog(state);
  const waitWhileAlive = async (milliseconds) => {
    for (const end = Date.now() + milliseconds; alive() && Date.now() < end;) {
      tail?.show(false);
      await pause(POLL_MS);
    }
  };
  if (!state.forwarded) signal('SIGINT');
  await waitWhileAlive(waitSeconds(env) * 1000);
  if (alive()) {
    warn(`the build did not end within ${waitSeconds(env)} s of the cancellation`);
    signal('SIGTERM');
    await waitWhileAlive(certain ? TERM_MS : 0);
    signal('SIGKILL', true);
    await waitWhileAlive(certain ? KILL_MS : 0);
  }
  tail?.finish();
  say(alive() ? `the build (pid ${pid}) is left running` : 'the build has ended');
}

function openLog(state) {
  if (!fs.existsSync(state.log)) return null;
  if (state.shown) return new LogTail(state.log, Number(state.shown));
  const from = recentOffset(state.log);
  say(from === 0 ? 'its output from the start:' : 'the end of its output, of which a part may be above:');
  return new LogTail(state.log, from);
}

/** FORGE_POST_WAIT, in seconds, for jobs whose clean-up takes longer. */
function waitSeconds(env) {
  const given = Number(env.FORGE_POST_WAIT || WAIT_S);
  return given >= 0 && Number.isFinite(given) ? given : WAIT_S;
}

/** Releases what the journal still shows, with the very binary that wrote it. Resolves to the exit code of the step. */
async function sweep(env, state) {
  const remedy = `run "forge sweep" with FORGE_STATE_DIR=${state.folder} on this machine`;
  if (!fs.existsSync(state.folder)) {
    warn(`the journal of the build is gone: ${state.folder} was deleted; what the build left, if anything, stays`);
    return 0;
  }
  const fault = await distrust(state);
  if (fault && fs.readdirSync(state.folder).length === 0) return 0; // no journal: nothing that a sweep could release
  if (fault) {
    error(`cannot sweep: ${state.binary} ${fault} since the build; ${remedy}`);
    return 1;
  }
  const code = await new Promise((resolve) => {
    const child = spawn(state.binary, ['sweep', ...option('aws-role', state.role), ...option('aws-region', state.region)], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...env, FORGE_STATE_DIR: state.folder },
      windowsHide: true,
    });
    child.on('error', (fault) => {
      error(`could not start ${state.binary}: ${fault.message}`);
      resolve(1);
    });
    child.on('exit', (status) => resolve(status ?? 1));
  });
  if (code !== 0) error(`forge sweep failed with exit code ${code}, the build may have left something; ${remedy}`);
  return code;
}

function option(name, value) {
  return value ? [`--${name}`, value] : [];
}

/** Why the binary is not the one that main checked and started, or null. */
async function distrust(state) {
  if (!fs.existsSync(state.binary)) return 'was deleted';
  return await sha256(state.binary) === state.sha256 ? null : 'has changed';
}

if (require.main === module) enter(post);
