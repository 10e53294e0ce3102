#!/usr/bin/env node
// Stands in for the binary where only the launcher is under test: its journal is one file, its work is waiting.
// What happens to it goes to the file FAKE_TRACE, a line each.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const { FORGE_STATE_DIR, FAKE_TRACE, FAKE_CLEANUP_MS, FAKE_RUN_MS, FAKE_EXIT, FAKE_SWEEP_EXIT, FAKE_PRINT } = process.env;
const trace = (line) => fs.appendFileSync(FAKE_TRACE, `${line}\n`);
const journal = path.join(FORGE_STATE_DIR, 'run.journal');

if (process.argv[2] === 'sweep') {
  trace(fs.existsSync(journal) ? 'sweep open' : 'sweep clean');
  console.log('fake sweep');
  process.exit(Number(FAKE_SWEEP_EXIT || 0));
}

let stopping = false;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    trace(signal);
    if (FAKE_CLEANUP_MS === 'never' || stopping) return;
    stopping = true;
    setTimeout(() => finish('cleaned', 1), Number(FAKE_CLEANUP_MS || 0));
  });
}

// After the handlers: who waits for this line may send signals.
trace(`${process.argv[2]} pid=${process.pid}`);
fs.writeFileSync(journal, 'open');
console.log('fake build started');
if (FAKE_PRINT) fs.writeSync(1, FAKE_PRINT);

function finish(word, code) {
  fs.rmSync(journal);
  trace(word);
  console.log(`fake build ${word}`);
  process.exit(code);
}

let beats = 0;
setInterval(() => console.log(`fake beat ${beats += 1}`), 100);
if (FAKE_RUN_MS) setTimeout(() => finish('done', Number(FAKE_EXIT || 0)), Number(FAKE_RUN_MS));
