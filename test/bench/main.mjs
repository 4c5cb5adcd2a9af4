// What podseal costs. Run by `npm run bench`, after the build: all benchmarks, or those named behind `--`.
// Everything is made on the spot in a temporary folder, which is removed. No figure is a threshold.
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchAci } from './aci.mjs';
import { benchAciEngine } from './aci-engine.mjs';
import { benchAttest } from './attest.mjs';
import { benchEngine } from './engine.mjs';
import { benchLayers } from './layers.mjs';
import { benchPolicy } from './policy.mjs';
import { benchSidecar } from './sidecar.mjs';
import { print } from './table.mjs';

const BENCHES = {
  policy: benchPolicy,
  aci: benchAci,
  'aci-engine': benchAciEngine,
  engine: benchEngine,
  layers: benchLayers,
  attest: benchAttest,
  sidecar: benchSidecar,
};

const named = process.argv.slice(2);
const unknown = named.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0) {
  print(`no benchmark ${unknown.join(', ')}; there are ${Object.keys(BENCHES).join(', ')}`);
  process.exit(2);
}
const cores = availableParallelism();
print(`node ${process.version}, ${cores} cores, load ${loadavg()[0].toFixed(1)}`);
for (const name of named.length > 0 ? named : Object.keys(BENCHES)) {
  const folder = await mkdtemp(join(tmpdir(), 'podseal-bench-'));
  try {
    await BENCHES[name](folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
