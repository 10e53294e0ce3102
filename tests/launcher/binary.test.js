// Where the binary comes from, and that its digest is checked each time, against a server on loopback.
'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { describe, it } = require('node:test');

const { locate } = require('../../dist/binary.js');
const { Step } = require('./support/runner.js');

const TARGET = { x64: 'x86_64-unknown-linux-musl', arm64: 'aarch64-unknown-linux-musl' }[process.arch];
const BODY = Buffer.from('#!/bin/sh\necho released\n');
const digest = (bytes) => crypto.createHash('sha256').update(bytes).digest('hex');
const never = new AbortController().signal;

/** A release of which this machine's binary is `BODY`, served by `answer(request, response)`. */
async function released(context, answer) {
  const asked = [];
  const server = http.createServer((request, response) => {
    asked.push(request.url);
    answer(request, response);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  context.after(() => { server.closeAllConnections(); server.close(); });
  const base = `http://127.0.0.1:${server.address().port}`;
  const step = new Step(context);
  const env = {
    RUNNER_TEMP: step.temp,
    RUNNER_TOOL_CACHE: path.join(step.home, 'tools'),
    FORGE_RELEASE_BASE_URL: `${base}/mirror/`,
  };
  const release = {
    version: '9.8.7',
    targets: { [TARGET]: { url: 'https://example.invalid/v9.8.7/forge-linux', sha256: digest(BODY) } },
  };
  const cached = path.join(env.RUNNER_TOOL_CACHE, 'forge-action', '9.8.7', TARGET, 'forge');
  return { asked, base, cached, env, release };
}

const serve = (body) => (request, response) => response.end(body);

describe('the released binary', { concurrency: true }, () => {
  it('is downloaded once, verified, executable, and cached', async (context) => {
    const { asked, cached, env, release } = await released(context, serve(BODY));
    const first = await locate(env, release, never);
    assert.deepEqual(first, { path: cached, sha256: digest(BODY) });
    assert.equal(fs.statSync(cached).mode & 0o777, 0o755);
    assert.deepEqual(await locate(env, release, never), first);
    assert.deepEqual(asked, ['/mirror/forge-linux']);
    assert.deepEqual(fs.readdirSync(path.dirname(cached)), ['forge'], 'no partial file is left');
  });

  it('is refused and deleted when its digest differs', async (context) => {
    const { cached, env, release } = await released(context, serve('#!/bin/sh\necho tampered\n'));
    await assert.rejects(locate(env, release, never), /has SHA-256 .* expected .* deleted and not run/);
    assert.deepEqual(fs.readdirSync(path.dirname(cached)), []);
  });

  it('is verified on a cache hit too', async (context) => {
    const { asked, cached, env, release } = await released(context, serve(BODY));
    await locate(env, release, never);
    fs.appendFileSync(cached, 'rm -rf /\n');
    await assert.rejects(locate(env, release, never), /the cached binary has SHA-256/);
    assert.equal(fs.existsSync(cached), false);
    assert.equal(asked.length, 1);
  });

  it('must have a row in the table', async (context) => {
    const { asked, env, release } = await released(context, serve(BODY));
    await assert.rejects(locate(env, { ...release, targets: {} }, never), /no release binary of forge 9\.8\.7/);
    assert.deepEqual(asked, []);
  });

  it('is tried again after a fault that may pass', async (context) => {
    let count = 0;
    const { asked, env, release } = await released(context, (request, response) => {
      count += 1;
      if (count === 1) return response.writeHead(503).end();
      if (count === 2) {
        response.writeHead(200, { 'content-length': BODY.length });
        response.write(BODY.subarray(0, 5));
        return setTimeout(() => response.destroy(), 50);
      }
      return response.end(BODY);
    });
    await locate(env, release, never);
    assert.equal(asked.length, 3);
  });

  it('is not tried again after an answer that stays', async (context) => {
    const { asked, env, release } = await released(context, (request, response) => response.writeHead(404).end());
    await assert.rejects(locate(env, release, never), /could not download .*the server answered 404/);
    assert.equal(asked.length, 1);
  });

  it('follows redirects, but not for ever and not to plain http elsewhere', async (context) => {
    const to = (location) => (request, response) => response.writeHead(302, { location }).end();
    const good = await released(context, (request, response) => (
      request.url === '/mirror/forge-linux' ? to('/elsewhere/x')(request, response) : response.end(BODY)));
    await locate(good.env, good.release, never);
    assert.deepEqual(good.asked, ['/mirror/forge-linux', '/elsewhere/x']);

    const endless = await released(context, to('/mirror/again'));
    await assert.rejects(locate(endless.env, endless.release, never), /more than 5 redirects/);

    const plain = await released(context, to('http://example.invalid/forge'));
    await assert.rejects(locate(plain.env, plain.release, never), /refusing to download from http:.*not https/);
    const mirror = { ...plain.env, FORGE_RELEASE_BASE_URL: 'http://example.invalid' };
    await assert.rejects(locate(mirror, plain.release, never), /not https/);
  });

  it('goes to the temporary folder when the tool cache cannot be written', async (context) => {
    const { env, release } = await released(context, serve(BODY));
    fs.writeFileSync(env.RUNNER_TOOL_CACHE, 'a file, not a folder');
    const { path: place } = await locate(env, release, never);
    assert.ok(place.startsWith(env.RUNNER_TEMP));
    assert.ok((await locate({ ...env, RUNNER_TOOL_CACHE: '' }, release, never)).path === place);
  });

  it('is given up when the job is cancelled, without a trace', async (context) => {
    const { cached, env, release } = await released(context, (request, response) => response.write('x'));
    const abandon = new AbortController();
    setTimeout(() => abandon.abort('SIGINT'), 300);
    await assert.rejects(locate(env, release, abandon.signal));
    assert.deepEqual(fs.readdirSync(path.dirname(cached)), []);
  });
});
