// What a decision costs: CreateContainerRequest for the last container of a pod, in both engines. Each request has other
// ids, as those of real containers have; what the guest remembers of the container is taken out again.
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageFacts, manyContainers } from './make-manifests.mjs';
import { CLI, measureNode } from './measure.mjs';
import { print, printCells } from './table.mjs';

/** A guest that remembers nothing between requests, and one that does. */
const GUESTS = ['azl3', 'kata-4.1'];
/** Containers of the pod, the pause container among them, with the goal for WebAssembly. */
const PODS = [
  { containers: 5, goal: '1 ms' },
  { containers: 100, goal: '5 ms' },
];
const LOADS = 5;
/** Decisions that are measured: as many as fit in this time, after as many that are not. */
const MEASURED_MS = 1_000;

/** Measures and prints; files go into `folder`, which the caller removes. */
export async function benchEngine(folder) {
  const engines = await openEngines();
  for (const guest of GUESTS) await benchGuest(folder, engines, guest);
}

async function benchGuest(folder, engines, guest) {
  print('');
  printCells([`decisions of guest ${guest}`, 'median ms', 'load ms', 'goal']);
  for (const { containers, goal } of PODS) {
    const policy = await makePolicy(folder, containers, guest);
    for (const [name, engine] of engines) {
      const cost = await measureEngine(engine, { ...policy, guest });
      printCells([
        `${containers} containers, ${name}`,
        cost.decisionMs.toFixed(3),
        cost.loadMs.toFixed(1),
        name === WASM ? goal : '',
      ]);
    }
  }
}

const WASM = 'WebAssembly';

async function openEngines() {
  const { openWasmEngine } = await import('../../dist/io/rego-wasm.js');
  const { openNativeEngine } = await import('../../dist/io/rego-native.js');
  const { loadNative } = await import('../../dist/io/native.js');
  const native = loadNative();
  const engines = [[WASM, openWasmEngine()]];
  if (native.kind === 'loaded') engines.push(['regorus', openNativeEngine(native)]);
  else print(`regorus is left out: ${native.reason}`);
  return engines;
}

/** Policy text of a pod, and the request that starts its last container. */
async function makePolicy(folder, containers, guest) {
  const { readKataPolicy } = await import('../../dist/policy/kata/read-policy.js');
  const { synthesizeStart } = await import('../../dist/policy/kata/synthesize.js');
  const [facts, manifest] = [join(folder, 'facts.json'), join(folder, `${containers}.yaml`)];
  await writeFile(facts, imageFacts());
  // A variable that joins texts is not for every guest.
  await writeFile(
    manifest,
    manyContainers(containers - 1).replaceAll('hello $(POD_NAME)', 'hello'),
  );
  const options = ['--image-facts', facts, '--offline', '--quiet', '--no-self-check'];
  const args = [CLI, 'policy', manifest, '--guest', guest, '--print', ...options];
  const { stdout: text } = await measureNode(args, { folder });
  const { data } = readKataPolicy(text, manifest).document;
  const starts = synthesizeStart(data).filter(({ kind }) => kind === 'CreateContainerRequest');
  return { text, request: starts.at(-1).request };
}

async function measureEngine(engine, { text, request, guest }) {
  const { createPolicySession } = await import('../../dist/rego/session.js');
  const loads = [];
  let session;
  for (let i = 0; i < LOADS; i++) {
    const start = performance.now();
    session = await createPolicySession(engine, text, guest);
    loads.push(performance.now() - start);
  }
  const form = JSON.stringify(request);
  const { container_id: id } = request;
  let count = 0;
  const decide = () => {
    const other = createHash('sha256').update(`container ${count++}`).digest('hex');
    const next = JSON.parse(form.replaceAll(id, other));
    const start = performance.now();
    const { verdict, reason } = session.decide('CreateContainerRequest', next);
    const time = performance.now() - start;
    if (verdict !== 'allow') throw new Error(`the request is not allowed: ${reason ?? verdict}`);
    session.decide('RemoveContainerRequest', { container_id: other, timeout: 0 });
    return time;
  };
  timesOf(decide);
  return { decisionMs: median(timesOf(decide)), loadMs: median(loads) };
}

function timesOf(run) {
  const times = [];
  for (const end = performance.now() + MEASURED_MS; performance.now() < end; ) {
    times.push(run());
  }
  return times;
}

function median(times) {
  return times.sort((a, b) => a - b)[times.length >> 1];
}
