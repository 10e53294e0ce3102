// What the two entry points share: the runner's files and commands, the identity of a process, the log of the build.
//
// The launcher moves bytes and signals only. Everything that knows templates, builds or clouds is in the binary.
// Used by main.js (starts the build) and post.js (waits for what is left of it and sweeps).
'use strict';

const fs = require('node:fs');

const LOG_CHUNK = 64 * 1024; // bytes read at a time, and what post shows of a log whose shown part is unknown

/** A fault that the user can act on; printed as one line, without a stack trace. */
class LauncherError extends Error {}

function required(env, name) {
  if (!env[name]) throw new LauncherError(`${name} is not set: this program is started by the Actions runner`);
  return env[name];
}

/**
 * Appends to GITHUB_STATE. One malformed line makes the runner discard the whole file, so names are checked and
 * values that span lines are refused instead of being quoted.
 */
function saveState(env, values) {
  let text = '';
  for (const [name, value] of Object.entries(values)) {
    const line = String(value);
    if (!/^[a-z][a-z0-9_]*$/.test(name)) throw new LauncherError(`invalid state name "${name}"`);
    if (/[\r\n\0\u2028\u2029\u0085]/.test(line)) throw new LauncherError(`the value of state "${name}" spans lines`);
    text += `${name}=${line}\n`;
  }
  fs.appendFileSync(required(env, 'GITHUB_STATE'), text);
}

/** What main saved, as the runner hands it to post. Absent values are empty. */
function loadState(env) {
  const names = ['folder', 'log', 'binary', 'sha256', 'pid', 'start', 'forwarded', 'shown', 'finished', 'role', 'region'];
  return Object.fromEntries(names.map((name) => [name, env[`STATE_${name}`] || '']));
}

function escapeData(text) {
  return text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A');
}

/** Output goes on being produced when nobody reads it any more: a closed pipe must not end the launcher. */
let readable = true;
function tolerateClosedOutput() {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => { readable = false; });
}

function write(bytes) {
  if (readable) process.stdout.write(bytes);
}

/** What a server or a file system said may be part of a line: the runner obeys `##[` anywhere in it. */
const say = (line) => write(`forge-action: ${line.replace(/[\r\n]+/g, ' ').replaceAll('##[', '## [')}\n`);
const warn = (line) => write(`::warning title=forge-action::${escapeData(line)}\n`);
const error = (line) => write(`::error title=forge-action::${escapeData(line)}\n`);

/** Runs an entry point; its result is the exit code of the step. */
async function enter(entry) {
  tolerateClosedOutput();
  try {
    process.exitCode = await entry(process.env);
  } catch (fault) {
    error(fault instanceof LauncherError ? fault.message : `unexpected fault: ${fault.stack}`);
    process.exitCode = 1;
  }
}

/**
 * Start time of a process in clock ticks since boot: with the pid it names one process for good, because pids are
 * used again. Null when the process is gone, dead but not yet reaped, or the platform does not say.
 */
function startTime(pid) {
  if (process.platform !== 'linux') return null;
  let stat;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The command name, in parentheses, may hold blanks and parentheses itself. State is field 3, start time field 22.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 'ZX'.includes(fields[0]) ? null : fields[19];
}

function exists(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (fault) {
    return fault.code === 'EPERM';
  }
}

/** Shows the log of the build as it grows, whole lines at a time so that another process can go on at any moment. */
class LogTail {
  constructor(path, offset) {
    this.file = fs.openSync(path, 'r');
    this.offset = offset;
    this.buffer = Buffer.alloc(LOG_CHUNK);
    // A line that is shown from its middle must not start with what the runner would take for a command.
    if (offset > 0 && this.byteBefore() !== 0x0a) write('... ');
  }

  byteBefore() {
    fs.readSync(this.file, this.buffer, 0, 1, this.offset - 1);
    return this.buffer[0];
  }

  /** Shows what is there. A line that is still being written is held back until `all`, unless it fills the buffer. */
  show(all) {
    for (;;) {
      const length = fs.readSync(this.file, this.buffer, 0, LOG_CHUNK, this.offset);
      const lines = this.buffer.subarray(0, length).lastIndexOf(0x0a) + 1;
      const ready = all || (length === LOG_CHUNK && lines === 0) ? length : lines;
      if (ready === 0) return;
      write(Buffer.from(this.buffer.subarray(0, ready))); // a copy: on Windows the write happens later
      this.offset += ready;
    }
  }

  /** Shows the rest and ends the line, for the launcher's own words to follow. */
  finish() {
    this.show(true);
    if (this.offset > 0 && this.byteBefore() !== 0x0a) write('\n');
  }
}

/** Where to go on in a log of which nobody knows how much was shown. */
function recentOffset(path) {
  return Math.max(0, fs.statSync(path).size - LOG_CHUNK);
}

module.exports = {
  LauncherError, LogTail, enter, error, exists, loadState, recentOffset, required, saveState, say, startTime, warn,
};
