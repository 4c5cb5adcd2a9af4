import { describe, expect, it } from 'vitest';
import type { KataFamily } from '../../../src/policy/kata/guests.js';
import type { Container } from '../../../src/workload/pod.js';
import {
  buildOne,
  buildPolicy,
  containerOf,
  imageOf,
  podOf,
  variable,
} from '../../support/pod-models.js';

const images = {
  app: imageOf('app', { entrypoint: ['/app'], cmd: ['--serve'], workingDir: '/srv', tty: true }),
  cmd: imageOf('cmd', { cmd: ['sh'], workingDir: '' }),
  none: imageOf('none', {}),
};
const processOf = (family: KataFamily, container: Partial<Container>) =>
  buildOne(family, container, { images }).OCI.Process;

describe('arguments', () => {
  it.each<[string, Partial<Container>, readonly string[] | undefined]>([
    ['app', {}, ['/app', '--serve']],
    ['app', { args: ['--x'] }, ['/app', '--x']],
    ['app', { command: ['/c'] }, ['/c']],
    ['app', { command: ['/c'], args: ['a'] }, ['/c', 'a']],
    ['app', { args: [] }, ['/app']],
    ['app', { command: [] }, undefined],
    ['app', { command: [], args: [] }, undefined],
    ['cmd', {}, ['sh']],
    ['cmd', { args: ['a'] }, ['a']],
    ['none', {}, undefined],
  ])('of image %s and %j', (image, container, expected) => {
    for (const family of ['C', 'M', 'U'] as const) {
      expect(processOf(family, { image, ...container }).Args).toEqual(expected);
    }
  });

  it('stand twice in family V: with and without references resolved', () => {
    const container = { env: [variable('A', 'a')], args: ['$(A)'] };
    const process = processOf('V', container);
    expect([process.DeprecatedArgs, process.Args]).toEqual([['a'], ['$(A)']]);
    expect(Object.keys(process).indexOf('DeprecatedArgs')).toBeLessThan(
      Object.keys(process).indexOf('Args'),
    );
    expect(processOf('C', container).DeprecatedArgs).toBeUndefined();
  });

  it('are completed from the settings, each text once', () => {
    const settings = { Args: ['--more', 'a', '--more'], DeprecatedArgs: ['--old', 'a'] };
    const patch = [{ op: 'add', path: '/other_container/Process', value: settings }];
    const of = (family: KataFamily) => buildOne(family, { args: ['a'] }, { patch }).OCI.Process;
    expect(of('U').Args).toEqual(['a', '--more']);
    expect([of('V').DeprecatedArgs, of('V').Args]).toEqual([['a', '--old'], ['a']]);
  });

  it('with an escaped dollar sign give a notice', () => {
    const pod = podOf({ containers: [containerOf({ args: ['$$(A)'] })] });
    expect(buildPolicy('C', pod).codes).toEqual(['escaped-reference']);
  });
});

describe('exec commands', () => {
  it('are texts in family C and lists of words elsewhere', () => {
    const execCommands = [['cat', '/tmp/ok'], ['a b']];
    expect(buildOne('C', { execCommands }).exec_commands).toEqual(['cat /tmp/ok', 'a b']);
    for (const family of ['V', 'M', 'U'] as const) {
      expect(buildOne(family, { execCommands }).exec_commands).toEqual(execCommands);
    }
  });
});

describe('terminal, directory and privileges', () => {
  it('come from the image unless the container says otherwise', () => {
    expect(processOf('C', { image: 'app' })).toMatchObject({ Terminal: true, Cwd: '/srv' });
    expect(processOf('C', { image: 'app', tty: false }).Terminal).toBe(false);
    expect(processOf('C', { image: 'cmd' })).toMatchObject({ Terminal: false, Cwd: '/' });
  });

  it('may not grow where the container or the pod forbids it', () => {
    const of = (family: KataFamily, pod?: boolean, own?: boolean) => {
      const context = (value: boolean | undefined) =>
        value === undefined ? {} : { securityContext: { allowPrivilegeEscalation: value } };
      const workload = podOf({ containers: [containerOf(context(own))], ...context(pod) });
      return buildPolicy(family, workload).data.containers.map(
        ({ OCI }) => OCI.Process.NoNewPrivileges,
      );
    };
    expect(of('C')).toEqual([true, false]);
    expect(of('C', undefined, false)).toEqual([true, true]);
    expect(of('U', false)).toEqual([true, true]);
    expect(of('U', false, true)).toEqual([true, false]);
    expect(of('U', true)).toEqual([true, false]);
    expect(() => of('C', false)).toThrow(expect.objectContaining({ code: 'MANIFEST_UNSUPPORTED' }));
  });
});

describe('env_map', () => {
  it('of family V has the last value of a name, and no text without =', () => {
    const container = {
      image: 'odd',
      env: [variable('A', '2'), variable('B', 'x=y')],
    };
    const odd = imageOf('odd', { env: ['A=1', 'BARE', '='] });
    const { env_map } = buildOne('V', container, { images: { odd } });
    expect([...(env_map ?? [])]).toEqual([
      ['A', '2'],
      ['', ''],
      ['HOSTNAME', '$(host-name)'],
      ['B', 'x=y'],
    ]);
    expect(buildOne('U', container, { images: { odd } }).env_map).toBeUndefined();
  });
});
