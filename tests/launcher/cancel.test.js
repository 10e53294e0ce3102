// Cancellation to the second, as the runner does it: the build must get one signal, time to clean up, and a sweep.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { spawn } = require('node:child_process');
const { describe, it } = require('node:test');

const { Step, isFake } = require('./support/runner.js');

const pidOf = (step) => Number(step.saved().pid);

describe('a cancelled job', { concurrency: true }, () => {
  it('leaves main within 6 s, and post waits for a clean-up of 20 s', async (context) => {
    const step = new Step(context, { FAKE_CLEANUP_MS: '20000' });
    const main = step.main();
    await step.running();
    const end = await main.cancel();
    assert.equal(end.code, 130, main.output);
    assert.ok(end.seconds < 6, `main took ${end.seconds} s`);
    assert.match(main.output, /post step/);
    assert.ok(isFake(pidOf(step)), 'the build goes on');

    const post = step.post();
    assert.equal((await post.ended).code, 0, post.output);
    assert.deepEqual(step.events(), ['SIGINT', 'cleaned', 'sweep clean']);
    assert.match(post.output, /fake build cleaned/);
    assert.deepEqual(fs.readdirSync(step.temp), [], 'state folder and log are removed');

    // Nothing shown twice, nothing lost between the two.
    const beats = (main.output + post.output).match(/fake beat \d+/g);
    assert.deepEqual(beats, beats.map((_, index) => `fake beat ${index + 1}`));
  });

  it('passes a quick clean-up through main', async (context) => {
    const step = new Step(context, { FAKE_CLEANUP_MS: '300' });
    const main = step.main();
    await step.running();
    const end = await main.cancel();
    assert.equal(end.code, 1);
    assert.match(main.output, /fake build cleaned\n/);
    const post = step.post();
    assert.equal((await post.ended).code, 0);
    assert.deepEqual(step.events(), ['SIGINT', 'cleaned', 'sweep clean']);
    assert.doesNotMatch(post.output, /fake build/);
  });

  it('forwards SIGTERM and SIGHUP too', async (context) => {
    for (const signal of ['SIGTERM', 'SIGHUP']) {
      const step = new Step(context);
      const main = step.main();
      await step.running();
      main.process.kill(signal);
      await main.ended;
      assert.deepEqual(step.events(), [signal, 'cleaned']);
    }
  });

  it('forwards a second signal, for somebody in a hurry', async (context) => {
    const step = new Step(context, { FAKE_CLEANUP_MS: '1500' });
    const main = step.main();
    await step.running();
    main.process.kill('SIGINT');
    await step.until('the first signal', () => step.events().length === 1);
    main.process.kill('SIGINT');
    await main.ended;
    assert.deepEqual(step.events(), ['SIGINT', 'SIGINT', 'cleaned']);
  });

  it('has post stop the build when main was killed at once', async (context) => {
    const step = new Step(context, { FAKE_CLEANUP_MS: '1000' });
    const main = step.main();
    await step.running();
    main.process.kill('SIGKILL');
    await main.ended;
    const post = step.post();
    assert.equal((await post.ended).code, 0, post.output);
    assert.match(post.output, /still running/);
    assert.match(post.output, /fake build started/);
    assert.deepEqual(step.events(), ['SIGINT', 'cleaned', 'sweep clean']);
  });

  it('ends a build that does not stop in time, and sweeps', async (context) => {
    const step = new Step(context, { FAKE_CLEANUP_MS: 'never', FORGE_POST_WAIT: '1' });
    const main = step.main();
    await step.running();
    main.process.kill('SIGKILL');
    await main.ended;
    const post = step.post();
    const end = await post.ended;
    assert.equal(end.code, 0, post.output);
    assert.ok(end.seconds > 10 && end.seconds < 16, `post took ${end.seconds} s`);
    assert.deepEqual(step.events(), ['SIGINT', 'SIGTERM', 'sweep open']);
    assert.equal(isFake(pidOf(step)), false);
  });

  it('never signals a process that has got the pid of the build', async (context) => {
    const step = new Step(context, { FAKE_RUN_MS: '60000', FORGE_POST_WAIT: '1' });
    const main = step.main();
    await step.running();
    main.process.kill('SIGKILL');
    await main.ended;
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    context.after(() => other.kill('SIGKILL'));
    // The recorded start time belongs to the fake; the pid is now somebody else's.
    const post = step.post({ STATE_pid: String(other.pid) });
    const end = await post.ended;
    assert.equal(end.code, 0, post.output);
    assert.ok(end.seconds < 5, 'it does not wait either');
    assert.equal(other.signalCode, null);
    process.kill(other.pid, 0);
    assert.deepEqual(step.events(), ['sweep open'], 'nor is the build');
  });

  it('waits for, but does not signal, a process whose start time is not known', async (context) => {
    const step = new Step(context, { FAKE_RUN_MS: '2000', FORGE_POST_WAIT: '20' });
    const main = step.main();
    await step.running();
    main.process.kill('SIGKILL');
    await main.ended;
    const post = step.post({ STATE_start: '' });
    assert.equal((await post.ended).code, 0, post.output);
    assert.deepEqual(step.events(), ['done', 'sweep clean']);
  });

  it('leaves post nothing to do when it came before main', async (context) => {
    const step = new Step(context);
    const post = step.post();
    assert.equal((await post.ended).code, 0);
    assert.match(post.output, /nothing to clean up/);
    assert.deepEqual(step.events(), []);
  });
});
