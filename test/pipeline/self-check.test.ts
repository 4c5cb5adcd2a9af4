import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import { openNativeEngine } from '../../src/io/rego-native.js';
import { checkStarts, type SelfCheckPorts } from '../../src/pipeline/self-check.js';
import type { GeneratedPolicy, KataRequest } from '../../src/pipeline.js';
import type { ContainerData, KataPolicyData } from '../../src/policy/kata/data.js';
import type { KataGuest } from '../../src/policy/kata/guests.js';
import { printPolicyText } from '../../src/policy/kata/print.js';
import type { RegoEngine } from '../../src/rego/ports.js';
import { guestOf } from '../support/kata-golden.js';
import { nativeAddon } from '../support/native.js';
import { fastEngine, goldenPolicies, type MadePolicy, ownRules } from '../support/rehearsal.js';

async function policyOf(family: 'C' | 'U', name: string): Promise<MadePolicy> {
  const [made] = await goldenPolicies(family, (one) => one.name === name);
  if (made === undefined) throw new Error(`no case ${name}`);
  return made;
}

interface Trial {
  readonly made: MadePolicy;
  readonly guest: KataGuest;
  readonly rules?: string;
  readonly data?: KataPolicyData;
  readonly engine?: RegoEngine;
}

/** Notices of the check, or the error that it ends with. */
async function check(trial: Trial): Promise<readonly Notice[] | ToolError> {
  const { made, guest, rules = ownRules(guest), data = made.data } = trial;
  const policy = { workload: made.workload, data, policy: printPolicyText(rules, data) };
  const notices: Notice[] = [];
  const ports: SelfCheckPorts = {
    engine: trial.engine ?? fastEngine(),
    notices: (notice) => notices.push(notice),
  };
  try {
    const request = { guest, rules } as KataRequest;
    await checkStarts([policy as GeneratedPolicy], request, ports);
    return notices;
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
}

const withContainers = (data: KataPolicyData, containers: readonly ContainerData[]) => ({
  ...data,
  containers,
});

describe('checkStarts', () => {
  it.each(['C', 'U'] as const)('has nothing to say of a pod that starts (%s)', async (family) => {
    const made = await policyOf(family, 'volume-host-path');
    expect(await check({ made, guest: guestOf(family) })).toEqual([]);
  });

  it.each(['C', 'U'] as const)(
    'refuses a policy under which a container would not start (%s)',
    async (family) => {
      const made = await policyOf(family, 'process-command-args');
      const error = await check({ made, guest: guestOf(family) });
      expect(error).toMatchObject({
        code: 'POLICY_SELF_CHECK_FAILED',
        exit: 3,
        where: made.workload.at,
      });
      expect((error as ToolError).message).toContain('CreateContainerRequest of container empty');
      expect((error as ToolError).got).toContain('arguments');
    },
  );

  it('tries every container of a pod that has many', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const [pause, c] = made.data.containers;
    const named = (name: string, args?: readonly string[]): ContainerData => ({
      ...c!,
      OCI: {
        ...c!.OCI,
        Process: { ...c!.OCI.Process, ...(args === undefined ? {} : { Args: undefined }) },
        Annotations: new Map([
          ...(c!.OCI.Annotations ?? []),
          ['io.kubernetes.cri.container-name', name],
        ]),
      },
    });
    const many = Array.from({ length: 20 }, (_, i) => named(`c${i}`));
    const guest = guestOf('C');
    expect(
      await check({ made, guest, data: withContainers(made.data, [pause!, ...many]) }),
    ).toEqual([]);
    for (const at of [0, 7, 8, 19]) {
      const data = withContainers(made.data, [pause!, ...many.with(at, named('broken', []))]);
      const error = await check({ made, guest, data });
      expect(error).toMatchObject({ code: 'POLICY_SELF_CHECK_FAILED' });
      expect((error as ToolError).message).toContain('container broken');
    }
  });

  it('says of a refused probe, but lets the policy pass', async () => {
    const made = await policyOf('U', 'volume-host-path');
    const [pause, c] = made.data.containers;
    const tty: ContainerData = {
      ...c!,
      OCI: { ...c!.OCI, Process: { ...c!.OCI.Process, Terminal: true } },
      exec_commands: [['true']],
    };
    const data = withContainers(made.data, [pause!, tty]);
    const notices = await check({ made, guest: guestOf('U'), data });
    expect(notices).toMatchObject([{ code: 'self-check-probe-refused' }]);
  });

  it('leaves out rules that decide on no container', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const rules = '# CreateContainerRequest\npackage agent_policy\n';
    expect(await check({ made, guest: guestOf('C'), rules })).toMatchObject([
      { code: 'self-check-skipped' },
    ]);
  });

  it('says why no engine can tell', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const engine: RegoEngine = {
      compile: () => Promise.reject(new ToolError('ENGINE_ABSENT', 'it is not built')),
    };
    const notices = await check({ made, guest: guestOf('C'), engine });
    expect(notices).toMatchObject([{ code: 'self-check-skipped' }]);
    expect(JSON.stringify(notices)).toContain('it is not built');
  });
});

describe.runIf(nativeAddon() !== undefined)('checkStarts with rules of others', () => {
  it('refuses what they refuse', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const rules =
      'package agent_policy\ndefault CreateContainerRequest = false\nUpdateInterfaceRequest = true';
    const error = await check({ made, guest: guestOf('C'), rules, engine: openNativeEngine() });
    expect(error).toMatchObject({ code: 'POLICY_SELF_CHECK_FAILED' });
    expect((error as ToolError).message).toContain('UpdateRoutesRequest of sandbox');
  });

  it('cannot tell of rules that the engine does not read', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const rules = 'package agent_policy\ndefault CreateContainerRequest := false\nimport !';
    expect(
      await check({ made, guest: guestOf('C'), rules, engine: openNativeEngine() }),
    ).toMatchObject([{ code: 'self-check-skipped' }]);
  });

  it('refuses a policy that the guest cannot load for its data', async () => {
    const made = await policyOf('C', 'volume-host-path');
    const [pause, c] = made.data.containers;
    const long: ContainerData = {
      ...c!,
      OCI: { ...c!.OCI, Process: { ...c!.OCI.Process, Env: [`A=${'x'.repeat(70_000)}`] } },
    };
    const data = withContainers(made.data, [pause!, long]);
    const error = await check({ made, guest: guestOf('C'), data, engine: openNativeEngine() });
    expect(error).toMatchObject({ code: 'POLICY_SELF_CHECK_FAILED' });
    expect((error as ToolError).message).toContain('cannot load its policy');
  });
});
