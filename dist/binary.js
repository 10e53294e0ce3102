// Finds the forge binary and makes sure that it is the one whose digest is recorded in release.json beside this file.
//
// The digest table is part of the action's own commit: whoever pins the action by hash has pinned the native code too.
// It is checked on every start, for a cached binary as well, and there is no way round it but `binary-path`.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const { setTimeout: pause } = require('node:timers/promises');

const { LauncherError, required, say } = require('./launcher.js');

const ATTEMPTS = 4;
const REDIRECTS = 5;
const IDLE_MS = 30_000;
const LARGEST = 256 * 1024 * 1024; // bytes; a release binary is a few dozen MiB

const TARGETS = {
  'linux-x64': 'x86_64-unknown-linux-musl',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'darwin-x64': 'x86_64-apple-darwin',
  'darwin-arm64': 'aarch64-apple-darwin',
  'win32-x64': 'x86_64-pc-windows-msvc',
  'win32-arm64': 'aarch64-pc-windows-msvc',
};

async function sha256(file) {
  const hash = crypto.createHash('sha256');
  await pipeline(fs.createReadStream(file), hash);
  return hash.digest('hex');
}

/** Path and digest of the binary to run. `signal` abandons a download. */
async function locate(env, release, signal) {
  const given = env['INPUT_BINARY-PATH'];
  if (given) return fromInput(path.resolve(required(env, 'GITHUB_WORKSPACE'), given), given);

  const platform = `${process.platform}-${process.arch}`;
  const target = TARGETS[platform];
  const row = target && release.targets[target];
  if (!row) {
    throw new LauncherError(
      `no release binary of forge ${release.version} is recorded for this platform (${target || platform}); `
      + 'build one with "cargo build --release --locked" and name it in the input "binary-path"');
  }
  return { path: await fromRelease(env, release.version, target, row, signal), sha256: row.sha256 };
}

async function fromInput(file, given) {
  const usable = fs.statSync(file, { throwIfNoEntry: false })?.isFile();
  if (!usable) throw new LauncherError(`binary-path "${given}" is not a file (looked at ${file})`);
  try {
    fs.accessSync(file, fs.constants.X_OK);
  } catch {
    throw new LauncherError(`binary-path "${given}" is not executable`);
  }
  return { path: file, sha256: await sha256(file) };
}

async function fromRelease(env, version, target, row, signal) {
  // The tool cache may be absent or read-only on self-hosted runners.
  const roots = [env.RUNNER_TOOL_CACHE, required(env, 'RUNNER_TEMP')].filter(Boolean);
  const name = process.platform === 'win32' ? 'forge.exe' : 'forge';
  const places = roots.map((root) => path.join(root, 'forge-action', version, target, name));

  const cached = places.find((place) => fs.existsSync(place));
  if (cached) {
    await verify(cached, row.sha256, 'the cached binary');
    return cached;
  }
  const place = places.find((candidate) => writable(path.dirname(candidate)));
  if (!place) throw new LauncherError(`cannot write below ${roots.join(' or ')}`);
  const source = assetUrl(env, row.url);
  say(`downloading forge ${version} from ${source}`);
  // Same folder, hence same file system: the rename below is atomic, and two jobs of one machine do not collide.
  const partial = `${place}.${crypto.randomBytes(8).toString('hex')}`;
  try {
    await download(source, partial, signal);
    await verify(partial, row.sha256, source.href);
    fs.chmodSync(partial, 0o755);
    fs.renameSync(partial, place);
  } finally {
    fs.rmSync(partial, { force: true });
  }
  return place;
}

async function verify(file, expected, what) {
  const actual = await sha256(file);
  if (actual === expected) return;
  fs.rmSync(file, { force: true });
  throw new LauncherError(`${what} has SHA-256 ${actual}, expected ${expected}; it was deleted and not run`);
}

function writable(folder) {
  try {
    fs.mkdirSync(folder, { recursive: true });
    fs.accessSync(folder, fs.constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** FORGE_RELEASE_BASE_URL names a mirror that holds the release files under their own names. */
function assetUrl(env, recorded) {
  const mirror = env.FORGE_RELEASE_BASE_URL;
  const asset = new URL(recorded);
  return permitted(mirror ? new URL(path.posix.basename(asset.pathname), mirror.replace(/\/*$/, '/')) : asset);
}

/** Plain http is for this machine only. */
function permitted(url) {
  const local = url.protocol === 'http:' && ['127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'https:' || local) return url;
  throw new LauncherError(`refusing to download from ${url.href}: not https`);
}

async function download(url, file, signal) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await fetchTo(url, file, signal);
    } catch (fault) {
      const final = fault instanceof LauncherError || signal.aborted || attempt === ATTEMPTS;
      if (final) throw new LauncherError(`could not download ${url.href}: ${fault.message}`);
      // Jitter, so that the jobs of one matrix do not come back all at once.
      const delay = 500 * 2 ** attempt * (0.5 + Math.random());
      say(`download failed (${fault.message}), trying again in ${(delay / 1000).toFixed(1)} s`);
      await pause(delay, undefined, { signal });
    }
  }
}

async function fetchTo(start, file, signal) {
  let url = start;
  for (let hop = 0; hop <= REDIRECTS; hop += 1) {
    const response = await request(url, signal);
    const { statusCode: status, headers } = response;
    if (status === 200) return pipeline(response, limited, fs.createWriteStream(file, { mode: 0o600 }), { signal });
    response.resume();
    const text = `the server answered ${status}`;
    if (status >= 500 || status === 408 || status === 429) throw new Error(text); // may pass: tried again
    if (status < 300 || status >= 400 || !headers.location) throw new LauncherError(text);
    url = permitted(new URL(headers.location, url));
  }
  throw new LauncherError(`more than ${REDIRECTS} redirects`);
}

async function* limited(chunks) {
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > LARGEST) throw new LauncherError(`more than ${LARGEST} bytes`);
    yield chunk;
  }
}

function request(url, signal) {
  return new Promise((resolve, reject) => {
    const client = url.protocol === 'https:' ? https : http;
    const options = { signal, headers: { 'user-agent': 'forge-action' } };
    const asked = client.get(url, options, resolve);
    asked.setTimeout(IDLE_MS, () => asked.destroy(new Error(`no data for ${IDLE_MS / 1000} s`)));
    asked.on('error', reject);
  });
}

module.exports = { locate, sha256 };
