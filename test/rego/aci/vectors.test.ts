import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { loadNative } from '../../../src/io/native.js';
import { CceSession } from '../../../src/rego/aci/session.js';
import { vectorsDir } from '../../support/vectors.js';
import { differencesOf, type RecordedCase } from './run-case.js';

const root = vectorsDir('aci-enforcement') ?? '';
const groups = root === '' ? [] : readdirSync(join(root, 'cases')).sort();
const casesOf = (group: string) =>
  JSON.parse(readFileSync(join(root, 'cases', group), 'utf8')) as readonly RecordedCase[];
const hasNative = loadNative().kind === 'loaded';

it('recorded decisions are there if the vectors are', () => {
  expect(groups.length > 0).toBe(root !== '');
});

describe.runIf(groups.length > 0).each(groups)('recorded decisions: %s', (group) => {
  const all = casesOf(group);
  const running = all.filter((one) => one.create_error === undefined);
  it.each(running.map((one) => [one.id, one] as const))('%s', async (_id, one) => {
    expect(await differencesOf(root, one, true)).toEqual([]);
  });

  it.skipIf(!hasNative).each(running.map((one) => [one.id, one] as const))(
    '%s as modules',
    async (_id, one) => {
      expect(await differencesOf(root, one, false)).toEqual([]);
    },
  );

  const broken = all.filter((one) => one.create_error !== undefined);
  if (broken.length > 0 && hasNative) {
    it.each(broken.map((one) => [one.id, one] as const))(
      '%s does not compile',
      async (_id, one) => {
        const text = readFileSync(join(root, one.policy), 'utf8');
        const session = new CceSession(openFrameworkEngine(), text, { guest: 'framework-0.5.0' });
        const error = await session.enforce('mount_device', {}).catch((caught: unknown) => caught);
        expect(error).toBeInstanceOf(ToolError);
        expect(error).toMatchObject({ code: 'POLICY_UNREADABLE' });
      },
    );
  }
});
