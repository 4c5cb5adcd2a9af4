import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../src/core/digest.js';
import { LIMITS } from '../../../src/core/limits.js';
import type { Notice } from '../../../src/core/notice.js';
import { approveWithoutAsking, readWithAnswers } from '../../../src/pipeline/aci/answers.js';
import { type AciPorts, generateAci } from '../../../src/pipeline/aci/generate.js';
import { writeAciPolicies } from '../../../src/pipeline/aci/write.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import type { WildcardApproval } from '../../../src/workload/container-group.js';
import {
  containerGroup,
  groupContainer,
  plainAciPorts as ports,
  aciRequest as request,
} from '../../support/container-groups.js';
import { thrownBy } from '../../support/failure.js';
import { failureOf } from '../../support/images.js';

describe('generateAci', () => {
  it('reads each image once, for all groups', async () => {
    const asked: string[] = [];
    const two = containerGroup({
      containers: [groupContainer(), groupContainer({ image: 'example.org/b:1' })],
    });
    const policies = await generateAci(request(two, containerGroup()), ports(asked));
    expect(asked).toEqual(['example.org/app:1', 'example.org/b:1']);
    expect(policies.map(({ images }) => images.map(({ reference }) => reference))).toEqual([
      ['example.org/app:1', 'example.org/b:1'],
      ['example.org/app:1'],
    ]);
  });

  it('measures the compact text, and carries it in base64', async () => {
    const [one] = await generateAci(request(containerGroup()), ports());
    expect(one?.measurement).toBe(sha256Hex(one?.policy ?? ''));
    expect(Buffer.from(one?.value ?? '', 'base64').toString()).toBe(one?.policy);
  });

  it('gives the same bytes again', async () => {
    const texts = await Promise.all(
      [1, 2].map(async () => (await generateAci(request(containerGroup()), ports()))[0]?.policy),
    );
    expect(texts[0]).toBe(texts[1]);
  });

  it.each([
    ['example.org/app', true],
    ['example.org/app:latest', true],
    ['example.org/app:1', false],
    [`example.org/app@sha256:${'a'.repeat(64)}`, false],
  ])('%s moves: %s', async (image, moves) => {
    const notices: Notice[] = [];
    const group = containerGroup({ containers: [groupContainer({ image })] });
    await generateAci(request(group), ports([], notices));
    expect(notices.map(({ code }) => code)).toEqual(moves ? ['image-latest'] : []);
  });

  it('makes policies of Windows groups from hashes that come with the facts', async () => {
    const windows = { layers: ['b'.repeat(64)], mountedCim: ['c'.repeat(64)] } as never;
    const plain = ports();
    const obtain: AciPorts['obtain'] = async (reference, needs) => {
      expect(needs.formats).toEqual([]);
      return { ...(await plain.obtain(reference, needs)), layers: [], windows };
    };
    const env = [{ pattern: 'A=1', strategy: 'string' }] as const;
    const group = containerGroup({ os: 'windows', containers: [groupContainer({ env })] });
    const forWindows = { ...request(group), os: 'windows' as const, debugMode: true };
    const [one] = await generateAci(forWindows, { ...plain, obtain });
    expect(one?.policy).toContain('framework_version := "0.4.1"');
    expect(one?.policy).toContain('\nmount_cims := data.framework.mount_cims\n');
    expect(one?.policy).not.toContain('allow_unencrypted_scratch');
    const text = /containers := (.*)/.exec(one?.policy ?? '')?.[1] ?? '';
    expect(JSON.parse(text)).toEqual([
      {
        allow_stdio_access: true,
        command: null,
        env_rules: [{ pattern: 'A=1', required: false, strategy: 'string' }],
        exec_processes: [{ command: ['cmd.exe'], signals: [] }],
        id: 'example.org/app:1',
        layers: ['b'.repeat(64)],
        mounted_cim: ['c'.repeat(64)],
        mounts: [],
        name: 'app',
        signals: [],
        user: '',
        working_dir: 'C:\\',
      },
    ]);
    await expect(failureOf(() => generateAci(forWindows, plain))).resolves.toMatchObject({
      code: 'MANIFEST_UNSUPPORTED',
    });
    for (const change of [
      { guest: findAciGuest('confcom-1.3.1') },
      { groups: [containerGroup()] },
      { groups: [containerGroup({ source: 'definitions', definitions: [] })] },
    ]) {
      await expect(
        failureOf(() => generateAci({ ...forWindows, ...change }, { ...plain, obtain })),
      ).resolves.toMatchObject({ code: 'USAGE_CONFLICT' });
    }
  });

  it('refuses Windows, and more containers than a policy may have', async () => {
    const windows = generateAci(request(containerGroup({ os: 'windows' })), ports());
    await expect(failureOf(() => windows)).resolves.toMatchObject({ code: 'MANIFEST_UNSUPPORTED' });
    const many = (count: number) =>
      generateAci(
        request(containerGroup({ containers: Array(count).fill(groupContainer()) })),
        ports(),
      );
    await expect(many(LIMITS.policyContainers)).resolves.toHaveLength(1);
    await expect(failureOf(() => many(LIMITS.policyContainers + 1))).resolves.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('refuses fragments that would have to be pulled', async () => {
    const group = containerGroup({ standaloneFragments: ['example.org/f:1'] });
    await expect(failureOf(() => generateAci(request(group), ports()))).resolves.toMatchObject({
      code: 'MANIFEST_UNSUPPORTED',
      got: 'example.org/f:1',
    });
  });

  it('refuses a text that no guest loads', async () => {
    const command = ['x'.repeat(LIMITS.policyTextBytes)];
    const group = containerGroup({ containers: [groupContainer({ command })] });
    await expect(failureOf(() => generateAci(request(group), ports()))).resolves.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });
});

describe('writeAciPolicies', () => {
  it('leaves an input without groups as it is, and refuses one without place', async () => {
    const [policy] = await generateAci(request(containerGroup({ at: 'c.json' })), ports());
    expect(writeAciPolicies({ file: 'other.json', text: 'x' }, [policy!])).toBe('x');
    const input = { file: 'c.json', text: '{}' };
    expect(thrownBy(() => writeAciPolicies(input, [policy!])).code).toBe('MANIFEST_NOT_EDITABLE');
  });
});

describe('answers', () => {
  const question = (variable: string) => ({ text: `${variable}?`, variable, at: 'x' });
  const readTwo = (approve: WildcardApproval) => [approve(question('A')), approve(question('B'))];

  it('are asked once each, in order', async () => {
    const asked: string[] = [];
    const result = await readWithAnswers(readTwo, async ({ text }) => {
      asked.push(text);
      return text === 'B?';
    });
    expect([asked, result]).toEqual([
      ['A?', 'B?'],
      [false, true],
    ]);
  });

  it('end somewhere', async () => {
    const endless = (approve: WildcardApproval) => {
      for (;;) approve(question('A'));
    };
    await expect(
      failureOf(() => readWithAnswers(endless, async () => true)),
    ).resolves.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
  });

  it('are all yes, or an error, where nobody is asked', () => {
    expect(readTwo(approveWithoutAsking(true))).toEqual([true, true]);
    expect(thrownBy(() => readTwo(approveWithoutAsking(false)))).toMatchObject({
      code: 'MANIFEST_REFERENCE_MISSING',
      message: expect.stringContaining('variable A'),
    });
  });

  it('pass errors of the reader through', async () => {
    const failing = () => {
      throw new RangeError('x');
    };
    await expect(readWithAnswers(failing, async () => true)).rejects.toThrow(RangeError);
  });
});
