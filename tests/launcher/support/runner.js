// Plays the part of the Actions runner that the launcher sees: environment, file commands, signals, the post step.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const ROOT = path.resolve(__dirname, '../../..');
const FAKE = path.join(__dirname, 'fake-forge.js');
const sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** Reads a file of NAME=VALUE and NAME<<DELIMITER entries as the runner does; any malformed line discards it all. */
function parseFileCommands(text) {
  const values = {};
  const lines = text.split(/\r\n|\n|\r/);
  while (lines.length > 0) {
    const line = lines.shift();
    if (line === '') continue;
    const equals = line.indexOf('=');
    const heredoc = line.indexOf('<<');
    if (equals >= 0 && (heredoc < 0 || equals < heredoc)) {
      if (equals === 0) throw new Error(`empty name: ${line}`);
      values[line.slice(0, equals)] = line.slice(equals + 1);
    } else if (heredoc > 0 && line.length > heredoc + 2) {
      const end = lines.indexOf(line.slice(heredoc + 2));
      if (end < 0) throw new Error(`no closing delimiter: ${line}`);
      values[line.slice(0, heredoc)] = lines.splice(0, end + 1).slice(0, -1).join('\n');
    } else {
      throw new Error(`malformed line: ${line}`);
    }
  }
  return values;
}

/** One step of one job, in folders of its own. */
class Step {
  constructor(context, environment = {}) {
    this.home = fs.mkdtempSync(path.join(os.tmpdir(), 'forge-launcher-'));
    context.after(() => {
      this.endStrays();
      fs.rmSync(this.home, { recursive: true, force: true });
    });
    this.trace = path.join(this.home, 'trace');
    this.state = path.join(this.home, 'state');
    this.temp = path.join(this.home, 'temp');
    fs.mkdirSync(this.temp);
    fs.writeFileSync(this.state, '');
    fs.writeFileSync(this.trace, '');
    this.environment = {
      PATH: process.env.PATH,
      GITHUB_WORKSPACE: ROOT,
      GITHUB_STATE: this.state,
      RUNNER_TEMP: this.temp,
      'INPUT_BINARY-PATH': path.relative(ROOT, FAKE),
      FAKE_TRACE: this.trace,
      ...environment,
    };
  }

  main() {
    return new Entry('main.js', this.environment);
  }

  /** The same action's later entry point: what was saved comes back as STATE_*; `changes` wins over it. */
  post(changes = {}) {
    const saved = Object.entries(this.saved()).map(([name, value]) => [`STATE_${name}`, value]);
    return new Entry('post.js', { ...this.environment, ...Object.fromEntries(saved), ...changes });
  }

  saved() {
    return parseFileCommands(fs.readFileSync(this.state, 'utf8'));
  }

  traced() {
    return fs.readFileSync(this.trace, 'utf8').split('\n').filter(Boolean);
  }

  /** Without the pid line, which differs each time. */
  events() {
    return this.traced().filter((line) => !line.includes('pid='));
  }

  async until(what, condition) {
    for (const end = Date.now() + 10_000; !condition();) {
      if (Date.now() > end) throw new Error(`${what} did not happen within 10 s`);
      await sleep(20);
    }
  }

  running() {
    return this.until('the start of the build', () => this.traced().length > 0 && this.saved().pid);
  }

  /** A failed test must not leave the fake behind. */
  endStrays() {
    const pid = Number(this.traced().find((line) => line.includes('pid='))?.split('=')[1]);
    if (pid && isFake(pid)) process.kill(pid, 'SIGKILL');
  }
}

function isFake(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('fake-forge');
  } catch {
    return false;
  }
}

/** A running entry point of the action. `ended` resolves to {code, signal, seconds}. */
class Entry {
  constructor(script, env) {
    const started = Date.now();
    this.output = '';
    this.process = spawn(process.execPath, [path.join(ROOT, 'dist', script)], { env, cwd: ROOT, stdio: 'pipe' });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream.on('data', (chunk) => { this.output += chunk; });
    }
    this.ended = new Promise((resolve) => {
      this.process.on('close', (code, signal) => resolve({ code, signal, seconds: (Date.now() - started) / 1000 }));
    });
  }

  /** A cancelled job: SIGINT, SIGTERM at 7.5 s, the kill at 10 s. Resolves to when and how main left. */
  async cancel() {
    const sent = Date.now();
    this.process.kill('SIGINT');
    const timers = [
      setTimeout(() => this.process.kill('SIGTERM'), 7_500),
      setTimeout(() => this.process.kill('SIGKILL'), 10_000),
    ];
    const end = await this.ended;
    timers.forEach(clearTimeout);
    return { ...end, seconds: (Date.now() - sent) / 1000 };
  }
}

module.exports = { FAKE, ROOT, Step, isFake, parseFileCommands, sleep };
