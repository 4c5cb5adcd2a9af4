import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { buildRunConfig, parseConfig, readRunConfig } from '../../src/image/config.js';
import type { ImageConfig } from '../../src/image/types.js';
import { failureOf } from '../support/images.js';

const DIFF_ID = `sha256:${'2'.repeat(64)}`;
const base = {
  os: 'linux',
  architecture: 'amd64',
  rootfs: { type: 'layers', diff_ids: [DIFF_ID] },
};
const parse = (config: unknown, layerCount = 1) =>
  parseConfig(Buffer.from(JSON.stringify(config)), layerCount, 'config of x');

describe('parseConfig', () => {
  it('reads every field', () => {
    const run = {
      User: 'app:staff',
      Env: ['PATH=/bin', 'A=b=c', 'EMPTY='],
      Entrypoint: ['/app'],
      Cmd: ['--x', ''],
      WorkingDir: '/srv',
      StopSignal: 'SIGINT',
      Tty: true,
      Volumes: { '/\u{1f600}': {}, '/\uffee': {}, '/b': {}, '/a': {} },
      Labels: { __proto__: 'x', a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      OnBuild: null,
    };
    const { config, diffIds } = parse({ ...base, variant: 'v2', config: run, history: [] });
    expect(diffIds).toEqual([DIFF_ID]);
    expect(config).toMatchObject({
      os: 'linux',
      architecture: 'amd64',
      variant: 'v2',
      user: 'app:staff',
      env: run.Env,
      entrypoint: run.Entrypoint,
      cmd: run.Cmd,
      workingDir: '/srv',
      stopSignal: 'SIGINT',
      tty: true,
      volumes: ['/a', '/b', '/\uffee', '/\u{1f600}'],
    });
    expect(Object.entries(config.labels!)).toEqual([['a', 'b']]);
  });

  it('takes null and absent fields as the same, and keeps empty ones', () => {
    const keys = ['User', 'Env', 'Entrypoint', 'Cmd', 'WorkingDir', 'Tty', 'Volumes', 'Labels'];
    const nulls = Object.fromEntries(keys.map((key) => [key, null]));
    const bare = parse(base).config;
    expect(bare).toEqual({ os: 'linux', architecture: 'amd64' });
    expect(parse({ ...base, variant: '', config: nulls }).config).toEqual(bare);
    expect(parse({ ...base, config: null }).config).toEqual(bare);
    expect(parse({ ...base, config: { User: '', Cmd: [] } }).config).toEqual({
      ...bare,
      user: '',
      cmd: [],
    });
  });

  it.each([
    ['no os', { ...base, os: undefined }, 'os is missing'],
    ['no architecture', { ...base, architecture: undefined }, 'architecture is missing'],
    ['a numeric os', { ...base, os: 1 }, 'os has a wrong type'],
    ['no rootfs', { ...base, rootfs: undefined }, 'rootfs is missing'],
    [
      'rootfs of another type',
      { ...base, rootfs: { type: 'x', diff_ids: [] } },
      'rootfs.type is unknown',
    ],
    ['no diff IDs', { ...base, rootfs: { type: 'layers' } }, 'rootfs.diff_ids is missing'],
    [
      'too few diff IDs',
      { ...base, rootfs: { type: 'layers', diff_ids: [] } },
      'does not fit the layers',
    ],
    [
      'too many diff IDs',
      { ...base, rootfs: { type: 'layers', diff_ids: [DIFF_ID, DIFF_ID] } },
      'does not fit',
    ],
    [
      'a bad diff ID',
      { ...base, rootfs: { type: 'layers', diff_ids: ['sha256:x'] } },
      'diff_ids[0] has an invalid digest',
    ],
    ['Env as object', { ...base, config: { Env: {} } }, 'config.Env has a wrong type'],
    ['Env with a number', { ...base, config: { Env: ['a', 1] } }, 'config.Env[1] has a wrong type'],
    [
      'Entrypoint as text',
      { ...base, config: { Entrypoint: '/app' } },
      'config.Entrypoint has a wrong type',
    ],
    ['Cmd with null', { ...base, config: { Cmd: [null] } }, 'config.Cmd[0] has a wrong type'],
    ['User as number', { ...base, config: { User: 0 } }, 'config.User has a wrong type'],
    ['Tty as text', { ...base, config: { Tty: 'true' } }, 'config.Tty has a wrong type'],
    [
      'Volumes as list',
      { ...base, config: { Volumes: ['/a'] } },
      'config.Volumes has a wrong type',
    ],
    [
      'a label that is a number',
      { ...base, config: { Labels: { a: 1 } } },
      'config.Labels.a has a wrong type',
    ],
    ['config as text', { ...base, config: 'x' }, 'config has a wrong type'],
    [
      'cmd in another case',
      { ...base, config: { cmd: ['evil'] } },
      'is read as Cmd by some readers',
    ],
    ['Rootfs in another case', { ...base, RootFS: {} }, 'is read as rootfs by some readers'],
  ])('refuses %s', async (_name, config, message) => {
    const error = await failureOf(() => parse(config));
    expect(error.code).toBe('IMAGE_INVALID');
    expect(error.message).toContain(message);
  });

  it('refuses a config beyond the limit', async () => {
    const bytes = (size: number) => Buffer.from(JSON.stringify(base).padEnd(size));
    expect(parseConfig(bytes(LIMITS.manifestBytes), 1, 'x').diffIds).toHaveLength(1);
    const error = await failureOf(() => parseConfig(bytes(LIMITS.manifestBytes + 1), 1, 'x'));
    expect(error.code).toBe('LIMIT_EXCEEDED');
  });
});

describe('buildRunConfig', () => {
  it('gives what readRunConfig reads', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 8 });
    const field = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const run = fc.record({
      User: field(text),
      Env: field(fc.array(text)),
      Entrypoint: field(fc.array(text)),
      Cmd: field(fc.array(text)),
      WorkingDir: field(text),
      StopSignal: field(text),
      Tty: field(fc.boolean()),
      Volumes: field(fc.dictionary(text, fc.constant({}))),
      Labels: field(fc.dictionary(text, text)),
    });
    const place = { code: 'IMAGE_INVALID', what: 'x', path: '' } as const;
    const platform = { os: 'linux', architecture: 'amd64' };
    fc.assert(
      fc.property(run, (fields) => {
        const read = (object: object): ImageConfig =>
          readRunConfig(object as Parameters<typeof readRunConfig>[0], platform, place);
        const config = read(fields);
        expect(read(buildRunConfig(config))).toEqual(config);
      }),
      { seed: 0x5ea1, numRuns: 300 },
    );
  });
});
