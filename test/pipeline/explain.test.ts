import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { compareSurvivor, type Explanation, explainRequests } from '../../src/pipeline/explain.js';
import type { SimulatedRequest } from '../../src/pipeline/simulate.js';
import { applyRepairs } from '../../src/policy/kata/explain/repair.js';
import { printPolicyData } from '../../src/policy/kata/print.js';
import { type StartStep, synthesizeStart } from '../../src/policy/kata/synthesize.js';
import { readErrorText } from '../../src/rego/error-text.js';
import { nativeAddon } from '../support/native.js';
import { fastEngine, goldenPolicies, type MadePolicy } from '../support/rehearsal.js';

async function policyOf(family: 'C' | 'U', name: string): Promise<MadePolicy> {
  const [made] = await goldenPolicies(family, (one) => one.name === name);
  if (made === undefined) throw new Error(`no case ${name}`);
  return made;
}

const GUESTS = { C: 'azl3', U: 'kata-4.1' } as const;

/** The explanation of the last of `requests`. */
async function explainLast(
  family: 'C' | 'U',
  made: MadePolicy,
  requests: readonly SimulatedRequest[],
): Promise<Explanation> {
  const explained = await explainRequests(requests, {
    data: made.data,
    policyText: made.text,
    guest: GUESTS[family],
    engine: fastEngine(),
  });
  const last = explained.at(-1);
  if (last === undefined) throw new Error('nothing was explained');
  return last;
}

const containerStep = (made: MadePolicy, subject: string): StartStep => {
  const found = synthesizeStart(made.data).find(
    (step) => step.kind === 'CreateContainerRequest' && step.subject === subject,
  );
  if (found === undefined) throw new Error(`no ${subject}`);
  return found;
};

/** A deep copy with one part changed. */
function edited(message: JsonObject, edit: (copy: EditableContainer) => void): JsonObject {
  const copy = structuredClone(message) as unknown as EditableContainer;
  edit(copy);
  return copy as unknown as JsonObject;
}

interface EditableContainer {
  container_id: string;
  OCI: {
    Annotations: Record<string, string>;
    Hostname: string;
    Process: { Env: string[]; Args: string[]; Cwd: string; OOMScoreAdj: number };
    Mounts: { destination: string; source: string; type_: string; options: string[] }[];
    Root: { Path: string; Readonly: boolean };
    Linux: { Seccomp: JsonValue };
  };
  storages: { options: string[]; mount_point: string; fstype: string }[];
}

describe('explainRequests', () => {
  const edits: readonly (readonly [
    string,
    readonly string[],
    (copy: EditableContainer) => void,
  ])[] = [
    ['a variable', ['env'], ({ OCI }) => OCI.Process.Env.push('FOO=bar')],
    ['two variables', ['env', 'env'], ({ OCI }) => OCI.Process.Env.push('FOO=bar', 'BAR=foo')],
    ['the command', ['args'], ({ OCI }) => OCI.Process.Args.push('-x')],
    ['the working directory', ['working-directory'], ({ OCI }) => (OCI.Process.Cwd = '/x')],
    [
      'a mount',
      ['mount'],
      ({ OCI }) =>
        OCI.Mounts.push({
          destination: '/unknown',
          source: '/y',
          type_: 'bind',
          options: ['rbind'],
        }),
    ],
    ['the source of a mount', ['mount-source'], ({ OCI }) => (OCI.Mounts.at(-1)!.source = '/etc')],
    [
      'the options of a mount',
      ['mount-options'],
      ({ OCI }) => OCI.Mounts.at(-1)!.options.push('suid'),
    ],
    [
      'a filter',
      ['request'],
      ({ OCI }) =>
        (OCI.Linux.Seccomp = { DefaultAction: '', Architectures: [], Flags: [], Syscalls: [] }),
    ],
    ['an annotation', ['annotation'], ({ OCI }) => (OCI.Annotations['io.katacontainers.x'] = 'y')],
    ['the root', ['read-only-root'], ({ OCI }) => (OCI.Root.Readonly = !OCI.Root.Readonly)],
    [
      'several parts',
      ['args', 'env', 'mount'],
      ({ OCI }) => {
        OCI.Process.Env.push('FOO=bar');
        OCI.Process.Args.push('-x');
        OCI.Mounts.push({ destination: '/unknown', source: '/y', type_: 'bind', options: [] });
      },
    ],
  ];

  describe.each(['C', 'U'] as const)('family %s', (family) => {
    it.each(edits)('names %s and proves it on the policy', async (_name, ids, edit) => {
      const made = await policyOf(family, 'volume-host-path');
      const step = containerStep(made, 'container c');
      const request = edited(step.request, edit);
      const one = await explainLast(family, made, [{ kind: step.kind, request }]);
      expect(one.decision).toBe('deny');
      expect(one.trial).toBe('allowed');
      expect(one.failed.map(({ id }) => id)).toEqual(ids);
      expect(one.nearest?.subject).toBe('container c');
      for (const { fix, message } of one.failed) expect([fix, message]).not.toContain('');
    });

    it('has nothing to say of what is allowed', async () => {
      const made = await policyOf(family, 'volume-host-path');
      const step = containerStep(made, 'container c');
      expect(await explainLast(family, made, [step])).toMatchObject({
        decision: 'allow',
        failed: [],
        trial: 'untried',
      });
    });
  });

  it('names the image when a layer is another', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const step = containerStep(made, 'container c');
    const request = edited(step.request, ({ storages }) => {
      const [layer] = storages.filter(({ fstype }) => fstype === 'tar');
      layer!.options[3] = `${layer!.options[3]!.slice(0, -64)}${'0'.repeat(64)}`;
    });
    const one = await explainLast('C', made, [{ kind: step.kind, request }]);
    expect(one).toMatchObject({ trial: 'allowed', failed: [{ id: 'image-layer' }] });
    expect(one.failed[0]?.fix).toContain('spec.containers[name=c].image');
  });

  it('keeps the state of the requests before', async () => {
    const made = await policyOf('U', 'volume-host-path');
    const first = containerStep(made, 'sandbox');
    const second = containerStep(made, 'container c');
    const request = edited(second.request, ({ OCI }) => {
      OCI.Annotations['io.kubernetes.cri.sandbox-namespace'] = 'other';
    });
    const changed = { kind: second.kind, request };
    const alone = await explainLast('U', made, [changed]);
    const after = await explainLast('U', made, [first, changed]);
    expect([alone.decision, after.decision]).toEqual(['allow', 'deny']);
    expect(after).toMatchObject({ trial: 'allowed', failed: [{ id: 'state' }] });
    expect(after.failed[0]?.message).toContain('namespace');
  });

  it('finds the container of a process by the state, and says where there is none', async () => {
    const made = await policyOf('U', 'volume-host-path');
    const created = containerStep(made, 'container c');
    const exec = {
      kind: 'ExecProcessRequest',
      request: {
        container_id: created.request.container_id ?? '',
        process: { Args: ['sh'], Cwd: '/' },
      },
    };
    const alone = await explainLast('U', made, [exec]);
    expect(alone.failed.map(({ id }) => id)).toEqual(['container-id']);
    const after = await explainLast('U', made, [created, exec]);
    expect(after.nearest?.subject).toBe('container c');
    expect(after.failed.map(({ id }) => id)).toContain('command');
  });

  it('says that a request is never allowed', async () => {
    const made = await policyOf('U', 'volume-host-path');
    const one = await explainLast('U', made, [{ kind: 'SetGuestDateTimeRequest', request: {} }]);
    expect(one).toMatchObject({
      decision: 'deny',
      failed: [{ id: 'request-kind' }],
      trial: 'untried',
    });
    const read = await explainLast('U', made, [{ kind: 'ReadStreamRequest', request: {} }]);
    expect(read).toMatchObject({ failed: [{ id: 'switch' }] });
  });

  it('hides secrets', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const step = containerStep(made, 'container c');
    const request = edited(step.request, ({ OCI }) => {
      OCI.Process.Env.push('DB_PASSWORD=correct-horse-battery');
    });
    const one = await explainLast('C', made, [{ kind: step.kind, request }]);
    const { repairs, ...told } = one.failed[0]!;
    expect(JSON.stringify(told)).not.toContain('battery');
    expect(told.request).toContain('hidden');
  });
});

describe('containers that cannot be told apart', () => {
  it('are the reason', async () => {
    const made = await policyOf('U', 'volume-host-path');
    const [pause, c] = made.data.containers;
    const data = { ...made.data, containers: [pause!, c!, c!] };
    const text = made.text.slice(0, made.text.lastIndexOf('\npolicy_data := '));
    const policyText = `${text}\npolicy_data := ${printPolicyData(data)}`;
    const one = await explainLast('U', { ...made, data, text: policyText }, [
      containerStep(made, 'container c'),
    ]);
    expect(one.decision).not.toBe('allow');
    expect(one.failed).toMatchObject([{ id: 'two-containers' }]);
  });
});

const RULES = `package agent_policy
import future.keywords.if
default CreateContainerRequest := false
default AllowRequestsFailingPolicy := false
CreateContainerRequest if {
  input.OCI.Process.OOMScoreAdj == -998
  input.OCI.Process.Cwd == policy_data.containers[1].OCI.Process.Cwd
}`;

describe.runIf(nativeAddon() !== undefined)('rules that look at more', () => {
  const explainOwn = async (rules: string, edit: (copy: EditableContainer) => void) => {
    const made = await policyOf('U', 'volume-host-path');
    const text = `${rules}\npolicy_data := ${printPolicyData(made.data)}`;
    const step = containerStep(made, 'container c');
    const [one] = await explainRequests(
      [{ kind: step.kind, request: edited(step.request, edit) }],
      {
        data: made.data,
        policyText: text,
        guest: 'kata-4.1',
        engine: openNativeEngine(),
      },
    );
    return one;
  };

  it('are asked part by part for what they refuse', async () => {
    const one = await explainOwn(RULES, ({ OCI }) => (OCI.Process.OOMScoreAdj = 0));
    expect(one).toMatchObject({ decision: 'deny', trial: 'located' });
    expect(one?.failed).toMatchObject([{ id: 'unseen', path: 'OCI.Process.OOMScoreAdj' }]);
  });

  it('are told from what they do not look at', async () => {
    const one = await explainOwn(RULES, ({ OCI }) => {
      OCI.Process.Cwd = '/x';
      OCI.Process.Env.push('FOO=bar');
    });
    expect(one).toMatchObject({ trial: 'allowed' });
    expect(one?.failed.map(({ id }) => id)).toEqual(['working-directory']);
  });

  it('leave an honest answer where nothing is ever allowed', async () => {
    const never = 'package agent_policy\ndefault CreateContainerRequest := false';
    const one = await explainOwn(never, () => {});
    expect(one).toMatchObject({ decision: 'deny', failed: [], trial: 'untried' });
    const more = await explainOwn(never, ({ OCI }) => OCI.Process.Env.push('FOO=bar'));
    expect(more).toMatchObject({ trial: 'refused' });
  });
});

describe('compareSurvivor', () => {
  it('compares what is left and nothing else', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const step = containerStep(made, 'container c');
    const request = edited(step.request, ({ OCI }) => {
      OCI.Process.Env.push('FOO=bar');
      OCI.Linux.Seccomp = { DefaultAction: '' };
    });
    const text = `CreateContainerRequest is blocked by policy: ${JSON.stringify(request)}`;
    const told = readErrorText(text.slice(0, text.indexOf('"Mounts"')));
    const one = compareSurvivor(told, made.data, 'azl3');
    expect(one.failed.map(({ id }) => id)).toEqual(['env']);
    expect(one.trial).toBe('untried');
  });
});

describe('applyRepairs', () => {
  const failed = (repairs: Parameters<typeof applyRepairs>[1][number]['repairs']) => ({
    id: 'x',
    path: 'x',
    message: 'x',
    fix: 'x',
    repairs,
  });

  it('sets, appends and removes without moving what other repairs name', () => {
    const message = { list: [0, 1, 2, 3], map: { a: 1, b: 2 } };
    const repaired = applyRepairs(message, [
      failed([{ path: ['list', 1] }, { path: ['map', 'a'] }]),
      failed([
        { path: ['list', '-'], value: 4 },
        { path: ['list', 3], value: 33 },
      ]),
      failed([{ path: ['list', 0] }, { path: ['map', 'c', 'd'], value: true }]),
    ]);
    expect(repaired).toEqual({ list: [2, 33, 4], map: { b: 2, c: { d: true } } });
    expect(message).toEqual({ list: [0, 1, 2, 3], map: { a: 1, b: 2 } });
  });
});
