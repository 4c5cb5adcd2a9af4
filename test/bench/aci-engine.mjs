// What a decision on a CCE policy costs: create_container for the last container of a group, in both engines.
import { print, printCells } from './table.mjs';

const GUEST = 'framework-0.5.0';
/** Containers of the group beside the pause container, with the goal for WebAssembly. */
const GROUPS = [
  { containers: 10, goal: '2 ms' },
  { containers: 100, goal: '' },
];
/** Decisions that are measured: as many as fit in this time, after as many that are not. */
const MEASURED_MS = 1_000;

/** Measures and prints. */
export async function benchAciEngine() {
  const { openFrameworkEngine } = await import('../../dist/io/framework-engine.js');
  const { loadNative } = await import('../../dist/io/native.js');
  const engine = openFrameworkEngine();
  const native = loadNative();
  if (native.kind !== 'loaded') print(`regorus is left out: ${native.reason}`);
  const engines = [
    ['WebAssembly', true],
    ...(native.kind === 'loaded' ? [['regorus', false]] : []),
  ];
  print('');
  printCells([`decisions of guest ${GUEST}`, 'median ms', 'whole start ms', 'goal']);
  for (const { containers, goal } of GROUPS) {
    for (const [name, plain] of containers > 10 ? engines.slice(0, 1) : engines) {
      const cost = await measure(engine, makePolicy(containers), plain);
      const cells = [cost.decisionMs.toFixed(3), cost.startMs.toFixed(1), plain ? goal : ''];
      printCells([`${containers} containers, ${name}`, ...cells]);
    }
  }
}

/** The requests up to the last creation are decided on, then that one again and again from the same state. */
async function measure(engine, text, plain) {
  const { CceSession } = await import('../../dist/rego/aci/session.js');
  const { startSteps } = await import('../../dist/pipeline/aci/self-check.js');
  const { requireCceDocument } = await import('../../dist/policy/aci/read-policy.js');
  const steps = startSteps(requireCceDocument(text, 'policy'), GUEST);
  const last = steps.findLastIndex(({ point }) => point === 'create_container');
  const started = performance.now();
  const session = new CceSession(engine, text, { guest: GUEST, plain });
  for (const step of steps.slice(0, last)) await decide(session, step);
  const startMs = performance.now() - started;
  const again = async () => {
    session.begin();
    const start = performance.now();
    await decide(session, steps[last]);
    const ms = performance.now() - start;
    session.rollback();
    return ms;
  };
  await timesOf(again);
  return { decisionMs: median(await timesOf(again)), startMs };
}

async function decide(session, { point, input }) {
  const { verdict, errors, fault } = await session.enforce(point, input);
  if (verdict !== 'allow') throw new Error(`${point} is not allowed: ${fault ?? errors}`);
}

async function timesOf(run) {
  const times = [];
  for (const end = performance.now() + MEASURED_MS; performance.now() < end; ) {
    times.push(await run());
  }
  return times;
}

function median(times) {
  return times.sort((a, b) => a - b)[times.length >> 1];
}

const CAPABILITIES = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_BIND_SERVICE', 'CAP_SETGID', 'CAP_SETUID'];
const ANY = { pattern: '', strategy: 'any' };
const RULES = [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  'TERM=xterm',
  '(?i)(FABRIC)_.+=.+',
  'HOSTNAME=.+',
  'T(E)?MP=.+',
  'FabricPackageFileName=.+',
  'HostedServiceName=.+',
  'IDENTITY_API_VERSION=.+',
  'IDENTITY_HEADER=.+',
  'IDENTITY_SERVER_THUMBPRINT=.+',
  'azurecontainerinstance_restarted_by=.+',
].map((pattern) => ({
  pattern,
  strategy: pattern.endsWith('.+') ? 're2' : 'string',
  required: false,
}));

/** A policy as generators write it, with the variables of the platform. */
function makePolicy(containers) {
  const all = [container(['/pause'], 'pause-container', 'f'.repeat(64))];
  for (let i = 0; i < containers; i++) {
    all.push(container(['/bin/app', '--number', String(i)], `app-${i}`, hashOf(i)));
  }
  const data = {
    api_version: '0.11.0',
    framework_version: '0.2.3',
    fragments: [],
    containers: all,
  };
  const flags = ['allow_environment_variable_dropping', 'allow_capability_dropping'];
  const points = [
    ...['mount_device', 'mount_overlay', 'rw_mount_device', 'scratch_mount', 'create_container'],
    ...['unmount_device', 'unmount_overlay', 'rw_unmount_device', 'shutdown_container'],
  ];
  return [
    'package policy',
    ...Object.entries(data).map(([name, value]) => `${name} := ${JSON.stringify(value)}`),
    ...flags.map((name) => `${name} := true`),
    ...points.map((point) => `${point} := data.framework.${point}`),
    'reason := {"errors": data.framework.errors}',
  ].join('\n');
}

function hashOf(number) {
  return number.toString(16).padStart(64, '0');
}

function container(command, name, layer) {
  const own = Array.from({ length: 8 }, (_, i) => ({
    pattern: `SETTING_${i}=value of ${name}`,
    strategy: 'string',
    required: false,
  }));
  return {
    command,
    name,
    id: `registry.example/${name}:1`,
    env_rules: [...own, ...RULES],
    layers: [layer, 'a'.repeat(64)],
    mounts: [
      {
        destination: '/etc/resolv.conf',
        options: ['rbind', 'rshared', 'rw'],
        source: 'sandbox:///tmp/atlas/resolvconf/.+',
        type: 'bind',
      },
    ],
    exec_processes: [],
    signals: [],
    user: { user_idname: ANY, group_idnames: [ANY], umask: '0022' },
    capabilities: {
      ambient: [],
      bounding: CAPABILITIES,
      effective: CAPABILITIES,
      inheritable: [],
      permitted: CAPABILITIES,
    },
    seccomp_profile_sha256: '',
    allow_elevated: false,
    working_dir: '/',
    allow_stdio_access: true,
    no_new_privileges: false,
  };
}
