// An undisturbed run: output, exit codes, state, and what post makes of it.
'use strict';

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { describe, it } = require('node:test');

const launcher = require('../../dist/launcher.js');
const { FAKE, ROOT, Step, parseFileCommands } = require('./support/runner.js');

// Not a shell: shells drop variables whose names hold a hyphen, as those of inputs do.
const PRINT_ENVIRONMENT = `#!/usr/bin/env node
for (const [name, value] of Object.entries(process.env)) console.log(name + '=' + value);
`;

/** A folder that goes with the test. */
function scratch(context) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'forge-launcher-'));
  context.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

async function run(context, environment) {
  const step = new Step(context, environment);
  const main = step.main();
  const end = await main.ended;
  return { step, main, end };
}

describe('main', { concurrency: true }, () => {
  it('shows all output and passes the exit code on', async (context) => {
    const long = `${'x'.repeat(100_000)}\nlast line without an end`;
    const { main, end, step } = await run(context, { FAKE_RUN_MS: '300', FAKE_EXIT: '6', FAKE_PRINT: long });
    assert.equal(end.code, 6);
    assert.ok(main.output.startsWith(`fake build started\n${long}`));
    assert.match(main.output, /fake build done\n$/);
    assert.equal(step.saved().finished, '6');
  });

  it('hands a death by signal on as 128 + n', async (context) => {
    const step = new Step(context);
    const main = step.main();
    await step.running();
    process.kill(Number(step.saved().pid), 'SIGKILL');
    assert.equal((await main.ended).code, 137);
    const post = step.post();
    await post.ended;
    assert.deepEqual(step.events(), ['sweep open']);
  });

  it('goes on when nobody reads its output', async (context) => {
    const step = new Step(context, { FAKE_RUN_MS: '1500' });
    const main = step.main();
    await step.running();
    main.process.stdout.destroy();
    main.process.stderr.destroy();
    assert.equal((await main.ended).code, 0);
    assert.deepEqual(step.events(), ['done']);
  });

  it('passes the exit code on when the state can no longer be written', async (context) => {
    const step = new Step(context, { FAKE_RUN_MS: '800', FAKE_EXIT: '6' });
    const main = step.main();
    await step.running();
    fs.rmSync(step.state);
    fs.mkdirSync(step.state);
    assert.equal((await main.ended).code, 6);
    assert.match(main.output, /::warning .*could not save the state/);
  });

  it('gives the build the environment and a state folder of its own', async (context) => {
    const print = path.join(scratch(context), 'print');
    fs.writeFileSync(print, PRINT_ENVIRONMENT, { mode: 0o755 });
    const { main, end, step } = await run(context, { 'INPUT_BINARY-PATH': print, 'INPUT_VAR-FILES': 'a b' });
    assert.equal(end.code, 0, main.output);
    assert.match(main.output, /^INPUT_VAR-FILES=a b$/m);
    const folder = main.output.match(/^FORGE_STATE_DIR=(.*)$/m)[1];
    assert.equal(path.dirname(folder), step.temp);
    assert.equal(folder, step.saved().folder);
    assert.equal(fs.statSync(folder).mode & 0o777, 0o700);
    assert.equal(fs.statSync(`${folder}.log`).mode & 0o777, 0o600);
  });

  it('names what is wrong with binary-path', async (context) => {
    for (const [given, message] of [
      ['no/such/file', /binary-path "no\/such\/file" is not a file/],
      ['dist', /binary-path "dist" is not a file/],
      ['action.yml', /binary-path "action.yml" is not executable/],
    ]) {
      const { main, end } = await run(context, { 'INPUT_BINARY-PATH': given });
      assert.equal(end.code, 1);
      assert.match(main.output, message);
      assert.match(main.output, /^::error title=forge-action::/);
    }
  });

  it('says so when no release binary is recorded', async (context) => {
    const release = require('../../dist/release.json');
    assert.deepEqual(release.targets, {}, 'this test is about the state before the first release');
    const { main, end, step } = await run(context, { 'INPUT_BINARY-PATH': '' });
    assert.equal(end.code, 1);
    assert.match(main.output, new RegExp(`no release binary of forge ${release.version}.*binary-path`));
    assert.equal((await step.post().ended).code, 0);
  });

  it('says so when the binary cannot be started', async (context) => {
    const binary = path.join(scratch(context), 'forge');
    fs.writeFileSync(binary, '#!/no/such/interpreter\n', { mode: 0o755 });
    const { main, end } = await run(context, { 'INPUT_BINARY-PATH': binary });
    assert.equal(end.code, 1);
    assert.match(main.output, /could not start .*forge/);
  });

  it('needs the runner', async (context) => {
    for (const name of ['GITHUB_WORKSPACE', 'GITHUB_STATE', 'RUNNER_TEMP']) {
      const { main, end, step } = await run(context, { [name]: '' });
      assert.equal(end.code, 1);
      assert.match(main.output, new RegExp(`${name} is not set`));
      assert.deepEqual(step.traced(), [], 'nothing was started');
    }
  });
});

describe('post', { concurrency: true }, () => {
  it('sweeps and removes its files', async (context) => {
    const { step } = await run(context, { FAKE_RUN_MS: '100' });
    const post = step.post();
    assert.equal((await post.ended).code, 0);
    assert.deepEqual(step.events(), ['done', 'sweep clean']);
    assert.deepEqual(fs.readdirSync(step.temp), []);
  });

  it('keeps the journal and fails when the sweep fails', async (context) => {
    const { step } = await run(context, { FAKE_RUN_MS: '100', FAKE_SWEEP_EXIT: '6' });
    const post = step.post();
    assert.equal((await post.ended).code, 6);
    assert.match(post.output, /^::error .*forge sweep failed with exit code 6.*FORGE_STATE_DIR=/m);
    assert.ok(fs.existsSync(step.saved().folder));
  });

  it('does not run a binary that has changed since', async (context) => {
    const binary = path.join(scratch(context), 'forge');
    fs.copyFileSync(FAKE, binary);
    const step = new Step(context, { 'INPUT_BINARY-PATH': binary });
    const main = step.main();
    await step.running();
    process.kill(Number(step.saved().pid), 'SIGKILL');
    await main.ended;

    fs.appendFileSync(binary, '\n');
    const changed = step.post();
    assert.equal((await changed.ended).code, 1);
    assert.match(changed.output, /::error .*has changed since the build/);
    fs.rmSync(binary);
    const deleted = step.post();
    assert.equal((await deleted.ended).code, 1);
    assert.match(deleted.output, /::error .*was deleted since the build/);
    fs.rmSync(path.join(step.saved().folder, 'run.journal'));
    assert.equal((await step.post().ended).code, 0, 'without a journal there is nothing to sweep');
    assert.deepEqual(step.events(), []);
  });
});

describe('the state file', () => {
  it('comes back as it was written', (context) => {
    const step = new Step(context);
    const values = { folder: '/a=b<<c/::d', log: ' blanks around ', pid: 7, start: '', shown: 'ünïcode %0A' };
    launcher.saveState({ GITHUB_STATE: step.state }, values);
    launcher.saveState({ GITHUB_STATE: step.state }, { pid: 8 });
    assert.deepEqual(step.saved(), { ...values, pid: '8' });
    const loaded = launcher.loadState({ STATE_folder: '/x', STATE_pid: '8' });
    assert.equal(loaded.folder, '/x');
    assert.equal(loaded.finished, '');
  });

  it('refuses what the runner would misread', (context) => {
    const step = new Step(context);
    const env = { GITHUB_STATE: step.state };
    for (const line of ['a\nPATH=b', 'a\r', 'a\r\nb', 'a\u2028b']) {
      assert.throws(() => launcher.saveState(env, { folder: line }), /spans lines/);
    }
    for (const name of ['', 'a=b', 'a<<b', 'A-B', 'a\n']) {
      assert.throws(() => launcher.saveState(env, { [name]: 'x' }), /invalid state name/);
    }
    assert.equal(fs.readFileSync(step.state, 'utf8'), '');
  });

  it('holds any value as it was, or refuses it', (context) => {
    const step = new Step(context);
    const env = { GITHUB_STATE: step.state };
    const pieces = ['\n', '\r', '\r\n', '\u2028', '\u0085', '\0', '=', '<<', 'a', 'pid=1', 'x<<EOF', ' ', 'é', '🦀', '\ufeff', '%0A'];
    let state = 1;
    const random = (below) => { // a generator of its own: a failure comes again
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 16) % below;
    };
    let kept = 0;
    for (let n = 0; n < 2_000; n++) {
      const value = Array.from({ length: random(8) }, () => pieces[random(pieces.length)]).join('');
      const before = fs.readFileSync(step.state, 'utf8');
      try {
        launcher.saveState(env, { folder: value, pid: n });
      } catch (fault) {
        assert.match(fault.message, /spans lines/);
        assert.match(value, /[\r\n\0\u2028\u0085]/, 'only what spans lines is refused');
        assert.equal(fs.readFileSync(step.state, 'utf8'), before);
        continue;
      }
      kept += 1;
      assert.deepEqual(parseFileCommands(fs.readFileSync(step.state, 'utf8')), { folder: value, pid: String(n) });
      fs.writeFileSync(step.state, '');
    }
    assert.ok(kept > 200, `${kept} values were kept`);
  });

  it('is read here by the grammar of the runner', () => {
    assert.deepEqual(parseFileCommands('a<<E\n1\n2\nE\nb=c<<d\n'), { a: '1\n2', b: 'c<<d' });
    for (const bad of ['=x\n', 'novalue\n', 'a<<E\n1\n', 'a<<\n']) assert.throws(() => parseFileCommands(bad));
  });
});

describe('the log', () => {
  it('is not continued in a form that the runner takes for a command', async (context) => {
    const step = new Step(context, { FAKE_PRINT: 'a line that is cut ', FAKE_RUN_MS: '60000' });
    const main = step.main();
    await step.running();
    main.process.kill('SIGKILL');
    await main.ended;
    const { log, pid } = step.saved();
    process.kill(Number(pid), 'SIGKILL');
    fs.writeFileSync(log, 'text ::error::injected\n');
    const post = step.post({ STATE_shown: String('text '.length) });
    await post.ended;
    assert.match(post.output, /^\.\.\. ::error::injected$/m);
    assert.doesNotMatch(post.output, /^\s*::/m);
  });
});

describe('words of the launcher', () => {
  it('hold no command of whoever is quoted', () => {
    const said = 'a certificate of ##[error]evil\n::error::evil\r ::group::evil';
    const script = `const { say, warn } = require('./dist/launcher.js'); say(process.argv[1]); warn(process.argv[1]);`;
    const output = execFileSync(process.execPath, ['-e', script, said], { cwd: ROOT, encoding: 'utf8' });
    const [plain, command, ...rest] = output.split(/\r\n|\n|\r/);
    assert.equal(plain, 'forge-action: a certificate of ## [error]evil ::error::evil  ::group::evil');
    assert.ok(command.startsWith('::warning title=forge-action::'), 'one command, of which all of it is the text');
    assert.deepEqual(rest, ['']);
  });
});

describe('the launcher', () => {
  const files = fs.readdirSync(path.join(ROOT, 'dist')).filter((file) => file.endsWith('.js'));
  const source = files.map((file) => fs.readFileSync(path.join(ROOT, 'dist', file), 'utf8'));

  it('stays small enough to be reviewed', () => {
    const lines = source.reduce((sum, text) => sum + text.split('\n').length, 0);
    assert.ok(lines <= 600, `${lines} lines in dist/*.js`);
  });

  it('requires nothing but Node itself', () => {
    for (const [, name] of source.join('\n').matchAll(/require\('([^']+)'\)/g)) {
      assert.match(name, /^(node:|\.\/)/);
    }
  });

  it('has the version of the crate', () => {
    const cargo = fs.readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8');
    assert.equal(cargo.match(/^version = "(.*)"$/m)[1], require('../../dist/release.json').version);
  });
});
