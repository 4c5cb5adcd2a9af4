import { describe, expect, it } from 'vitest';
import { isJsonObject } from '../../../src/core/json-equal.js';
import { KATA_GUESTS, type KataFamily } from '../../../src/policy/kata/guests.js';
import { readKataData } from '../../../src/policy/kata/read-data.js';
import { type StartStep, synthesizeStart } from '../../../src/policy/kata/synthesize.js';
import { findAgentVariant } from '../../../src/rego/guests.js';
import { buildPolicyInput } from '../../../src/rego/policy-input.js';
import { createPolicySession } from '../../../src/rego/session.js';
import { guestOf } from '../../support/kata-golden.js';
import { RequestVectors } from '../../support/kata-requests.js';
import { fastEngine, goldenPolicies, type MadePolicy } from '../../support/rehearsal.js';
import { vectorsDir } from '../../support/vectors.js';

const FAMILIES: readonly KataFamily[] = ['C', 'V', 'M', 'U'];

interface Refused {
  readonly name: string;
  readonly families: readonly KataFamily[];
  readonly subject: string;
  /** Why the pod would not start in the guest either. */
  readonly reason: string;
}

const REFUSED: readonly Refused[] = [
  {
    name: 'annotations-colliding',
    families: FAMILIES,
    subject: 'container n',
    reason: 'the pod replaces the pattern of the sandbox id by a text that is no id',
  },
  {
    name: 'env-substitution',
    families: FAMILIES,
    subject: 'container c',
    reason: 'an address stands inside of a longer value, which no rule allows',
  },
  {
    name: 'process-command-args',
    families: FAMILIES,
    subject: 'container empty',
    reason: 'neither the YAML nor the image has a command',
  },
  {
    name: 'env-field-ref-no-namespace',
    families: ['V'],
    subject: 'container c',
    reason: 'the namespace stands inside of a longer value, which this guest does not allow',
  },
  {
    name: 'kind-pod-demo',
    families: ['V', 'M', 'U'],
    subject: 'container web',
    reason: 'the name of the pod stands inside of a longer value, which these guests do not allow',
  },
];

const startOf = ({ data, workload }: MadePolicy): readonly StartStep[] =>
  synthesizeStart(data, { initContainers: workload.pod.initContainers.length });

/** Of requests that differ in ids only the first. */
function distinct(steps: readonly StartStep[]): readonly StartStep[] {
  const seen = new Set<string>();
  return steps.filter(({ kind, request }) => {
    const form = `${kind} ${JSON.stringify(request).replace(/[0-9a-f]{64}/g, '')}`;
    return kind === 'CreateContainerRequest' || (!seen.has(form) && seen.add(form));
  });
}

for (const family of FAMILIES) {
  const { id } = guestOf(family);
  const policies = await goldenPolicies(family);
  const engine = fastEngine();

  describe(`start of the golden pods of ${id}`, () => {
    it.each(policies)('$name', async (made) => {
      const session = await createPolicySession(engine, made.text, id);
      const refused = new Set<string>();
      for (const { kind, request, subject, phase } of distinct(startOf(made))) {
        const { verdict } = session.receive(kind, request);
        if (phase === 'start' && verdict !== 'allow') refused.add(`${kind} of ${subject}`);
      }
      const wanted = REFUSED.filter(
        (row) => row.name === made.name && row.families.includes(family),
      ).map(({ subject }) => `CreateContainerRequest of ${subject}`);
      expect([...refused]).toEqual(wanted);
    });

    it('covers every case that is known to be refused', () => {
      const names = policies.map(({ name }) => name);
      for (const row of REFUSED) {
        if (row.families.includes(family)) expect(names).toContain(row.name);
      }
    });

    it('sends messages that the agent reads without loss', () => {
      const variant = findAgentVariant(id);
      for (const made of policies) {
        for (const { kind, request } of startOf(made)) {
          const again = buildPolicyInput(variant, kind, request);
          if (again.kind !== 'input') throw new Error(again.reason);
          const message = isJsonObject(again.input.base) ? again.input.base : again.input;
          for (const [key, value] of Object.entries(request)) {
            if (key === 'data' || key === 'storages' || key === 'OCI') continue;
            expect([made.name, kind, key, message[key]]).toEqual([made.name, kind, key, value]);
          }
        }
      }
    });
  });
}

describe('order of a start', () => {
  const stepsOf = async (name: string) => {
    const [made] = await goldenPolicies('C', (one) => one.name === name);
    if (made === undefined) throw new Error(`no case ${name}`);
    return startOf(made);
  };
  const kindsOf = (steps: readonly StartStep[], subject: string) =>
    steps.filter((step) => step.subject === subject).map(({ kind }) => kind);

  it('begins with the network and the sandbox, and ends with it', async () => {
    const steps = await stepsOf('kind-pod-minimal');
    const kinds = steps.map(({ kind }) => kind);
    expect(kinds.slice(0, 3)).toEqual([
      'UpdateInterfaceRequest',
      'UpdateRoutesRequest',
      'CreateSandboxRequest',
    ]);
    expect(kinds.at(-1)).toBe('DestroySandboxRequest');
    const creations = steps.filter(({ kind }) => kind === 'CreateContainerRequest');
    expect(creations[0]?.subject).toBe('sandbox');
  });

  it('runs init containers one after the other, each removed before the next, as the YAML has them', async () => {
    const steps = await stepsOf('process-init-order');
    const order = steps
      .filter(({ kind }) => ['CreateContainerRequest', 'RemoveContainerRequest'].includes(kind))
      .filter(({ phase }) => phase === 'start')
      .map(({ kind, subject }) => `${kind.slice(0, 6)} ${subject}`);
    expect(order).toEqual([
      'Create sandbox',
      'Create container i1',
      'Remove container i1',
      'Create container i2',
      'Remove container i2',
      'Create container a',
      'Create container b',
    ]);
  });

  it('copies the files of a container before it is created', async () => {
    const kinds = kindsOf(await stepsOf('kind-pod-minimal'), 'sandbox');
    expect(kinds.indexOf('CopyFileRequest')).toBeLessThan(kinds.indexOf('CreateContainerRequest'));
  });

  it('asks for neighbours only where the guest has them', () => {
    const byGuest = KATA_GUESTS.map(async ({ family }) => {
      const [made] = await goldenPolicies(family, (one) => one.name === 'kind-pod-minimal');
      const steps = made === undefined ? [] : startOf(made);
      return steps.some(({ kind }) => kind === 'AddARPNeighborsRequest');
    });
    return expect(Promise.all(byGuest)).resolves.toEqual([false, false, false, true]);
  });

  it('is the same each time', async () => {
    expect(await stepsOf('volume-host-path')).toEqual(await stepsOf('volume-host-path'));
  });
});

const root = vectorsDir('kata-requests');

describe.runIf(root !== undefined)('recorded requests', () => {
  const sets = [
    ['upstream', 'kata-4.1'],
    ['microsoft', 'msft-main'],
  ] as const;
  const recorded = sets.flatMap(([set, guest]) => {
    if (root === undefined) return [];
    const vectors = new RequestVectors(root, guest);
    return vectors
      .folders(set)
      .filter((folder) => vectors.hasPolicyData(folder))
      .flatMap((folder) => {
        const { data } = readKataData(vectors.policyData(folder), folder);
        return vectors
          .cases(folder)
          .filter(({ kind, allowed }) => kind === 'CreateContainerRequest' && allowed)
          .map(({ description, request }) => ({
            name: `${folder}: ${description}`,
            data,
            request,
            guest,
          }));
      });
  });

  it.each(recorded)(
    'are what is made up for the same policy: $name',
    ({ data, request, guest }) => {
      const variant = findAgentVariant(guest);
      const read = (message: StartStep['request']): Recorded => {
        const made = buildPolicyInput(variant, 'CreateContainerRequest', message);
        if (made.kind !== 'input') throw new Error(made.reason);
        return made.input as unknown as Recorded;
      };
      const wanted = read(request);
      const name = wanted.OCI.Annotations[CONTAINER_NAME];
      const step = synthesizeStart(data).find(
        ({ kind, subject }) =>
          kind === 'CreateContainerRequest' &&
          subject === (name === undefined ? 'sandbox' : `container ${name}`),
      );
      if (step === undefined) throw new Error(`nothing is made up for ${name}`);
      const made = read(step.request);
      expect(fixedParts(made)).toEqual(fixedParts(wanted));
      const mounts = mountsOf(made);
      for (const [destination, mount] of Object.entries(mountsOf(wanted))) {
        if (destination === '/sys/fs/cgroup') continue;
        expect(mount).toEqual(mounts[destination]);
      }
    },
  );
});

const CONTAINER_NAME = 'io.kubernetes.cri.container-name';

interface Recorded {
  readonly OCI: {
    readonly Version: string;
    readonly Annotations: Readonly<Record<string, string>>;
    readonly Root: unknown;
    readonly Mounts: readonly { readonly destination: string; readonly source: string }[];
    readonly Process: Readonly<Record<string, unknown>>;
    readonly Linux: { readonly Namespaces: readonly { readonly Type: string }[] };
  };
  readonly sandbox_pidns: boolean;
}

/** Ids of containers and of files are made up anew for each start. */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value)
      .replace(/\/(?:[0-9a-f]{64}|gid|dummy|gpu-container|bundle-id)(?=[-/"])/g, '/ID')
      .replace(/ID-[a-z0-9]{16}-/g, 'ID-FILE-'),
  );

/** What a policy leaves no choice about. */
function fixedParts({ OCI, sandbox_pidns }: Recorded): unknown {
  const { Args, Cwd, NoNewPrivileges, Terminal, User } = OCI.Process;
  const namespaces = OCI.Linux.Namespaces.filter(({ Type }) => Type !== 'network');
  const parts = { Args, Cwd, NoNewPrivileges, Terminal, User, namespaces, Root: OCI.Root };
  return plain({ ...parts, Version: OCI.Version, sandbox_pidns });
}

function mountsOf({ OCI }: Recorded): Readonly<Record<string, unknown>> {
  return Object.fromEntries(OCI.Mounts.map((mount) => [mount.destination, plain(mount)]));
}
