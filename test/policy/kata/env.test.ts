import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { EnvFrom, EnvSource, PodWorkload } from '../../../src/workload/pod.js';
import {
  type BuildOptions,
  buildPolicy,
  containerOf,
  imageOf,
  PATH,
  podOf,
  variable,
} from '../../support/pod-models.js';

const HOSTNAME = 'HOSTNAME=$(host-name)';
const field = (fieldPath: string): EnvSource => ({ kind: 'field', fieldPath });
const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64');

function envOf(
  family: KataFamily,
  env: readonly (readonly [string, EnvSource | string])[],
  options: BuildOptions & { envFrom?: readonly EnvFrom[]; workload?: Partial<PodWorkload> } = {},
) {
  const container = containerOf({
    env: env.map(([name, source]) => variable(name, source)),
    envFrom: options.envFrom ?? [],
  });
  const result = buildPolicy(family, podOf({ containers: [container] }, options.workload), options);
  return { env: result.data.containers[1]?.OCI.Process.Env?.slice(2), codes: result.codes };
}

function failure(run: () => unknown): ToolError {
  try {
    run();
  } catch (error) {
    if (error instanceof ToolError) return error;
    throw error;
  }
  throw new Error('no error');
}

describe('environment', () => {
  it('begins with the variables of the image, or a PATH', () => {
    const images = { a: imageOf('a', { env: ['X=1', 'HOSTNAME=h'] }) };
    const withEnv = buildPolicy('C', podOf({ containers: [containerOf({ image: 'a' })] }), {
      images,
    });
    expect(withEnv.data.containers[1]?.OCI.Process.Env).toEqual(['X=1', 'HOSTNAME=h', HOSTNAME]);
    const { env: _env, ...config } = imageOf('b', {}).image.config;
    const bare = { ...imageOf('b', {}), image: { ...imageOf('b', {}).image, config } };
    const without = buildPolicy('C', podOf({ containers: [containerOf({ image: 'b' })] }), {
      images: { b: bare },
    });
    expect(without.data.containers[1]?.OCI.Process.Env).toEqual([PATH, HOSTNAME]);
    expect(without.data.containers[0]?.OCI.Process.Env).toEqual([PATH]);
  });

  it('has TERM before HOSTNAME for a terminal', () => {
    const pod = podOf({ containers: [containerOf({ tty: true })] });
    const process = buildPolicy('U', pod).data.containers[1]?.OCI.Process;
    expect(process?.Env).toEqual([PATH, 'TERM=xterm', HOSTNAME]);
    expect(process?.Terminal).toBe(true);
  });

  it('keeps both values of a variable that is given twice, and says so', () => {
    const { env, codes } = envOf('C', [
      ['A', '1'],
      ['A', '1'],
      ['A', '2'],
      ['PATH', '/bin'],
    ]);
    expect(env).toEqual(['A=1', 'A=2', 'PATH=/bin']);
    expect(codes).toEqual(['env-two-values', 'env-two-values']);
  });

  it('adds what the settings have', () => {
    const patch = [{ op: 'add', path: '/other_container/Process', value: { Env: ['S=1', 'A=1'] } }];
    expect(envOf('C', [['A', '1']], { patch }).env).toEqual(['A=1', 'S=1']);
  });

  it.each(['C', 'V', 'M'] as const)('family %s refuses a variable without value', (family) => {
    const error = failure(() => envOf(family, [['A', { kind: 'none' }]]));
    expect([error.code, error.where]).toEqual(['MANIFEST_UNSUPPORTED', 'pod.yaml:9:9 env.A']);
  });

  it('family U takes a variable without value as empty', () => {
    expect(envOf('U', [['A', { kind: 'none' }]]).env).toEqual(['A=']);
  });
});

describe('field references', () => {
  it.each([
    ['metadata.name', '$(sandbox-name)'],
    ['metadata.uid', '$(pod-uid)'],
    ['status.hostIP', '$(host-ip)'],
    ['status.podIP', '$(pod-ip)'],
    ['spec.nodeName', '$(node-name)'],
    ['spec.serviceAccountName', 'default'],
  ])('%s', (path, value) => {
    for (const family of ['C', 'V', 'M', 'U'] as const) {
      expect(envOf(family, [['A', field(path)]]).env).toEqual([`A=${value}`]);
    }
  });

  it('metadata.namespace is that of the workload, of the settings, or a placeholder', () => {
    const namespace = (family: KataFamily, workload: Partial<PodWorkload> = {}) =>
      envOf(family, [['A', field('metadata.namespace')]], { workload }).env?.[0];
    expect(namespace('C', { namespace: 'n' })).toBe('A=n');
    expect(namespace('C')).toBe('A=default');
    expect(namespace('C', { namespace: '' })).toBe('A=');
    expect(namespace('U')).toBe('A=$(sandbox-namespace)');
    expect(namespace('M', { namespace: '' })).toBe('A=$(sandbox-namespace)');
  });

  it('to annotations give their value, or allow any where the guest does', () => {
    const workload = { annotations: new Map([['k', 'v']]) };
    const ask = (family: KataFamily, key: string) =>
      envOf(family, [['A', field(`metadata.annotations['${key}']`)]], { workload }).env?.[0];
    expect(ask('C', 'k')).toBe('A=v');
    expect(ask('U', 'other')).toBe('A=$(todo-annotation)');
    expect(ask('M', '')).toBe('A=$(todo-annotation)');
    expect(failure(() => ask('V', 'other')).hints[0]).toContain('allow_env_regex_map');
  });

  it('that family V cannot know need a regex of the settings', () => {
    const patch = [
      {
        op: 'add',
        path: '/request_defaults/CreateContainerRequest/allow_env_regex_map/A',
        value: '^x$',
      },
    ];
    const source: EnvSource = { kind: 'resource-field', resource: 'limits.cpu' };
    expect(envOf('V', [['A', source]], { patch }).env).toEqual(['A=$(validate-from-settings)']);
    expect(failure(() => envOf('V', [['B', source]], { patch })).code).toBe('MANIFEST_UNSUPPORTED');
    expect(envOf('M', [['B', source]]).env).toEqual(['B=$(resource-field)']);
  });

  it('to labels are for family U only', () => {
    const workload = { labels: new Map([['l', 'v']]) };
    const ask = (family: KataFamily, key: string, fields: Partial<PodWorkload> = workload) =>
      envOf(family, [['A', field(`metadata.labels['${key}']`)]], { workload: fields });
    expect(ask('U', 'l').env).toEqual(['A=v']);
    expect(failure(() => ask('U', 'x')).code).toBe('MANIFEST_REFERENCE_MISSING');
    expect(failure(() => ask('U', 'l', {})).code).toBe('MANIFEST_UNSUPPORTED');
    expect(failure(() => ask('C', 'l')).code).toBe('MANIFEST_UNSUPPORTED');
  });

  it.each(['status.podIPs', 'metadata.annotations', "metadata.annotations['", 'toString'])(
    '%s is refused',
    (path) => {
      const error = failure(() => envOf('U', [['A', field(path)]]));
      expect([error.code, error.where]).toEqual(['MANIFEST_UNSUPPORTED', 'pod.yaml:9:9 env.A']);
    },
  );
});

describe('ConfigMaps and Secrets', () => {
  const attachments = {
    configMaps: [
      {
        name: 'cm',
        data: new Map([
          ['K1', 'v1'],
          ['K0', 'a=b'],
        ]),
      },
      { name: 'cm', data: new Map([['K2', 'second']]) },
    ],
    secrets: [
      {
        name: 'sec',
        data: new Map([
          ['S2', base64('foo')],
          ['S1', base64('s1\n')],
        ]),
      },
    ],
  };
  const from = (kind: EnvFrom['kind'], name: string, prefix?: string): EnvFrom => ({
    kind,
    name,
    optional: false,
    at: 'pod.yaml:11:9 envFrom',
    ...(prefix === undefined ? {} : { prefix }),
  });

  it('as a whole give their keys in byte order; the prefix has no effect', () => {
    const { env, codes } = envOf('C', [], {
      attachments,
      envFrom: [from('config-map', 'cm'), from('secret', 'sec', 'X_')],
    });
    expect(env).toEqual(['K0=a=b', 'K1=v1', 'S1=s1\n', 'S2=foo']);
    expect(codes).toEqual(['env-prefix-ignored', 'secret-in-policy', 'secret-in-policy']);
  });

  it('by key are looked up in all objects of the name', () => {
    const key = (kind: 'config-map-key' | 'secret-key', name: string, k: string): EnvSource => ({
      kind,
      name,
      key: k,
      optional: false,
    });
    const { env, codes } = envOf(
      'U',
      [
        ['A', key('config-map-key', 'cm', 'K2')],
        ['B', key('secret-key', 'sec', 'S2')],
      ],
      { attachments },
    );
    expect(env).toEqual(['A=second', 'B=foo']);
    expect(codes).toEqual(['secret-in-policy']);
    for (const source of [key('config-map-key', 'sec', 'S2'), key('secret-key', 'sec', 'S9')]) {
      const error = failure(() => envOf('C', [['A', source]], { attachments }));
      expect(error.code).toBe('MANIFEST_REFERENCE_MISSING');
      expect(error.where).toBe('pod.yaml:9:9 env.A');
    }
  });

  it('that are not there are refused, also when they are optional', () => {
    const optional = { ...from('secret', 'nope'), optional: true };
    expect(failure(() => envOf('C', [], { attachments, envFrom: [optional] })).code).toBe(
      'MANIFEST_REFERENCE_MISSING',
    );
  });

  it.each([
    ['without padding', 'Zm9vYg'],
    ['with line ends', 'Zm9v\nYmFy'],
    ['in the URL alphabet', '-_-_'],
    ['with unused bits', 'Zm9='],
    ['of bytes that are not UTF-8', base64(new Uint8Array([0xff, 0x41]))],
  ])('values %s are refused without showing them', (_name, value) => {
    const secrets = [{ name: 's', data: new Map([['k', value]]) }];
    const error = failure(() =>
      envOf('C', [], { attachments: { secrets }, envFrom: [from('secret', 's')] }),
    );
    expect([error.code, error.message]).toEqual([
      'MANIFEST_INVALID',
      expect.stringContaining('Secret s key k'),
    ]);
    expect(JSON.stringify(error)).not.toContain(value);
  });

  it('keep a byte order mark', () => {
    const secrets = [{ name: 's', data: new Map([['k', base64('\ufeffx')]]) }];
    const { env } = envOf('C', [], { attachments: { secrets }, envFrom: [from('secret', 's')] });
    expect(env).toEqual(['k=\ufeffx']);
  });
});
