import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DataMap, type DataValue, isList, isMap } from '../../../src/core/data.js';
import { printCompact } from '../../../src/core/data-json.js';
import type { Notice } from '../../../src/core/notice.js';
import { isSidecar } from '../../../src/policy/aci/constants.js';
import { buildContainer, type GroupImage } from '../../../src/policy/aci/container.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import type { ContainerGroup, GroupContainer } from '../../../src/workload/container-group.js';
import {
  aciOptions,
  containerGroup,
  groupContainer,
  groupImage,
  SIDECAR,
} from '../../support/container-groups.js';
import { thrownBy } from '../../support/failure.js';

interface Given {
  readonly container?: Partial<GroupContainer>;
  readonly group?: Partial<ContainerGroup>;
  readonly config?: GroupImage['config'];
  readonly options?: Parameters<typeof aciOptions>[0];
}

function build({ container, group, config, options }: Given, notices: Notice[] = []): DataMap {
  return buildContainer(
    containerGroup(group),
    groupContainer(container),
    groupImage(config),
    aciOptions(options, notices),
  ).object;
}
const patterns = (given: Given): readonly unknown[] =>
  (build(given).get('env_rules') as DataMap[]).map((rule) => rule.get('pattern'));
const destinations = (given: Given) =>
  (build(given).get('mounts') as DataMap[]).map((mount) => mount.get('destination'));

describe('command', () => {
  const E = ['entry'];
  const C = ['cmd'];
  it.each<[string, Partial<GroupContainer>, GroupImage['config'], DataValue]>([
    ['arm', { command: ['own'] }, { entrypoint: E, cmd: C }, ['own']],
    ['arm', {}, { entrypoint: E, cmd: C }, ['entry', 'cmd']],
    ['arm', {}, { entrypoint: E }, ['entry']],
    ['arm', {}, { cmd: C }, ['cmd']],
    ['arm', {}, {}, null],
    ['arm', {}, { cmd: [] }, []],
    ['vn2', { command: ['own'] }, { entrypoint: E, cmd: C }, ['own']],
    ['vn2', { command: ['own'], args: ['a'] }, { entrypoint: E, cmd: C }, ['own', 'a']],
    ['vn2', { args: ['a'] }, { entrypoint: E, cmd: C }, ['entry', 'a']],
    ['vn2', { args: ['a'] }, { cmd: C }, ['a']],
    ['vn2', {}, { entrypoint: E, cmd: C }, ['entry', 'cmd']],
    ['vn2', {}, {}, []],
  ])('%s %j %j', (source, container, config, command) => {
    const group = { source: source as ContainerGroup['source'] };
    expect(build({ container, group, config }).get('command')).toEqual(command);
  });
});

describe('variables', () => {
  it('of the input hide those of the image, both hide defaults of the same plain name', () => {
    const env = [
      { pattern: 'A=input', strategy: 'string' },
      { pattern: 'HOSTNAME=.*', strategy: 're2' },
    ] as const;
    const config = { env: ['A=image', 'B=1', 'B=2', 'TERM=dumb', 'BARE', 'HOSTNAME=h'] };
    expect(patterns({ container: { env }, config }).slice(0, 8)).toEqual([
      'A=input',
      'HOSTNAME=.*',
      'B=1',
      'B=2',
      'TERM=dumb',
      'BARE=',
      '(?i)(FABRIC)_.+=.+',
      'T(E)?MP=.+',
    ]);
  });

  it('of virtual nodes have eight more', () => {
    const plain = patterns({});
    const node = patterns({ group: { defaults: 'vn2' } });
    expect(node.slice(0, plain.length)).toEqual(plain);
    expect(node.slice(plain.length)).toHaveLength(8);
  });

  it('are sorted for the fork', () => {
    const options = { guest: findAciGuest('confcom-fork-1.2.8') };
    const sorted = patterns({ options, config: { env: ['Z=1', 'A=1'] } });
    expect(sorted).toEqual([...sorted].sort());
    expect(sorted).toContain('Z=1');
  });
});

describe('side-cars', () => {
  it.each([
    [SIDECAR, true],
    ['mcr.microsoft.com/aci/sc-proxy', true],
    ['k8s.gcr.io/pause:3.1', true],
    ['mcr.microsoft.com/aci/sc-proxy2:1', false],
    [`mcr.microsoft.com/aci/sc-proxy@sha256:${'a'.repeat(64)}`, false],
    ['example.org/app:1', false],
  ])('%s: %s', (reference, is) => {
    expect(isSidecar(reference)).toBe(is);
  });

  const config = { env: ['A=1'], cmd: ['c'], user: 'u', workingDir: '/w', stopSignal: 'SIGINT' };
  it('take layers and working directory of the image only, and no defaults', () => {
    const object = build({ container: { image: SIDECAR }, config });
    expect(Object.fromEntries(object)).toMatchObject({
      command: [],
      env_rules: [],
      mounts: [],
      signals: [],
      working_dir: '/w',
    });
  });

  it('take all of it where the image is all that there is, but no defaults', () => {
    const given = { container: { image: SIDECAR }, group: { source: 'image' as const }, config };
    expect(patterns(given)).toEqual(['A=1']);
    expect(destinations(given)).toEqual([]);
    expect(Object.fromEntries(build(given))).toMatchObject({ command: ['c'], signals: [2n] });
  });

  it('are known by the image as written, before expressions', () => {
    const container = { image: SIDECAR, writtenImage: "[parameters('i')]" };
    expect(destinations({ container })).toEqual(['/etc/resolv.conf']);
  });
});

describe('mounts', () => {
  const own = [{ type: 'secret', destination: '/etc/resolv.conf', readOnly: true }] as const;
  it('repeat defaults, but not for the fork', () => {
    expect(destinations({ container: { mounts: own } })).toEqual([
      '/etc/resolv.conf',
      '/etc/resolv.conf',
    ]);
    const options = { guest: findAciGuest('confcom-fork-1.2.8') };
    expect(destinations({ container: { mounts: own }, options })).toEqual(['/etc/resolv.conf']);
  });

  it('say rw or ro, and where their files are', () => {
    const mounts = [own[0], { type: 'azureFile', destination: '/a', readOnly: false }] as const;
    const built = build({ container: { mounts } }).get('mounts') as DataMap[];
    expect(built.map((mount) => [mount.get('options'), mount.get('source')])).toEqual([
      [['rbind', 'rshared', 'ro'], 'sandbox:///tmp/atlas/secretsVolume/.+'],
      [['rbind', 'rshared', 'rw'], 'sandbox:///tmp/atlas/azureFileVolume/.+'],
      [['rbind', 'rshared', 'rw'], 'sandbox:///tmp/atlas/resolvconf/.+'],
    ]);
  });

  it('take options as they are', () => {
    const mounts = [{ ...own[0], options: ['x', 1n] }];
    const [first] = build({ container: { mounts } }).get('mounts') as DataMap[];
    expect(printCompact(first!)).toBe(
      '{"destination":"/etc/resolv.conf","options":["x",1],"source":"sandbox:///tmp/atlas/secretsVolume/.+","type":"bind"}',
    );
  });
});

describe('users', () => {
  const user = (security: Partial<GroupContainer['security']>, image?: string) => {
    const base = groupContainer().security;
    const config = image === undefined ? {} : { user: image };
    const object = build({ container: { security: { ...base, ...security } }, config }).get('user');
    const map = object as DataMap;
    const [group] = map.get('group_idnames') as DataMap[];
    const text = (id: DataMap) => `${id.get('strategy')}:${id.get('pattern')}`;
    return [text(map.get('user_idname') as DataMap), text(group!)];
  };
  it.each<[Partial<GroupContainer['security']>, string | undefined, string[]]>([
    [{}, undefined, ['any:', 'any:']],
    [{}, '', ['any:', 'any:']],
    [{}, '1000', ['id:1000', 'any:']],
    [{}, 'app:staff', ['name:app', 'name:staff']],
    [{}, 'app:7', ['name:app', 'id:7']],
    [{}, '0:', ['id:0', 'name:']],
  ])('%j %s', (security, image, expected) => {
    expect(user(security, image)).toEqual(expected);
  });

  it('one id of the input leaves the image out', () => {
    expect(user({ runAsUser: 0n }, 'app')).toEqual(['id:0', 'any:']);
    expect(user({ runAsGroup: 7n }, 'app')).toEqual(['any:', 'id:7']);
  });
});

describe('signals', () => {
  it('have numbers where the name is known, else stay text with a notice', () => {
    const of = (stopSignal: string, notices: Notice[] = []) =>
      build({ config: { stopSignal } }, notices).get('signals');
    expect(['SIGTERM', 'sigusr1', 'SIGIOT', 'SIGSYS', ''].map((name) => of(name))).toEqual([
      [15n],
      [10n],
      [6n],
      [31n],
      [],
    ]);
    const notices: Notice[] = [];
    expect([of('15', notices), of('SIGRTMIN+3', notices), of('TERM', notices)]).toEqual([
      ['15'],
      ['SIGRTMIN+3'],
      ['TERM'],
    ]);
    expect(notices.map(({ code }) => code)).toEqual(Array(3).fill('stop-signal-text'));
  });
});

describe('capabilities', () => {
  const sets = (security: Partial<GroupContainer['security']>) => {
    const base = groupContainer().security;
    const map = build({ container: { security: { ...base, ...security } } }).get('capabilities');
    return Object.fromEntries(map as DataMap) as Record<string, string[]>;
  };

  it('are added and dropped by exact name, sorted, each once', () => {
    const { bounding, effective, permitted, ambient, inheritable } = sets({
      addCapabilities: ['NET_ADMIN', 'CAP_KILL', 'CAP_AAA'],
      dropCapabilities: ['CAP_CHOWN', 'ALL'],
    });
    expect(bounding).toEqual([...new Set(bounding)].sort());
    expect(bounding).toContain('NET_ADMIN');
    expect(bounding).not.toContain('CAP_CHOWN');
    expect([effective, permitted]).toEqual([bounding, bounding]);
    expect([ambient, inheritable]).toEqual([[], []]);
  });

  it('of privileged containers are inheritable too', () => {
    const { bounding, inheritable, ambient } = sets({ privileged: true });
    expect(bounding).toHaveLength(41);
    expect(inheritable).toEqual(bounding);
    expect(ambient).toEqual([]);
  });
});

describe('flags and folders', () => {
  const security = groupContainer().security;
  it('follow the security context', () => {
    const closed = { ...security, allowPrivilegeEscalation: false, seccompSha256: 'f' };
    const open = { ...security, privileged: true };
    const flags = (object: DataMap) =>
      ['allow_elevated', 'no_new_privileges', 'seccomp_profile_sha256'].map((key) =>
        object.get(key),
      );
    expect(flags(build({}))).toEqual([false, false, '']);
    expect(flags(build({ container: { security: closed } }))).toEqual([false, true, 'f']);
    expect(flags(build({ container: { security: open } }))).toEqual([true, false, '']);
  });

  it('the folder is that of the input, of the image, or the root', () => {
    const folder = (given: Given) => build(given).get('working_dir');
    const config = { workingDir: '/image' };
    const windows = { options: { os: 'windows' as const } };
    expect([{}, { config }, { config, container: { workingDir: '/own' } }].map(folder)).toEqual([
      '/',
      '/image',
      '/own',
    ]);
    expect([windows, { ...windows, config }].map(folder)).toEqual(['C:\\', '/image']);
  });

  it('streams are given unless the option says no', () => {
    expect(build({}).get('allow_stdio_access')).toBe(true);
    expect(build({ options: { stdio: false } }).get('allow_stdio_access')).toBe(false);
  });
});

describe('options', () => {
  it('debug mode adds shells, but not to a bare image', () => {
    const options = { debugMode: true };
    expect(build({ options }).get('exec_processes')).toHaveLength(2);
    const group = { source: 'image' as const };
    expect(build({ options, group }).get('exec_processes')).toEqual([]);
  });

  it('ids are left out, and names that equal them', () => {
    const options = { omitId: true };
    expect([...build({ options }).keys()]).not.toContain('id');
    expect(build({ options }).get('name')).toBe('app');
    const container = { name: 'example.org/app:1' };
    expect(build({ options, container }).has('name')).toBe(false);
  });

  it('an image without layers is an error', () => {
    const image = { ...groupImage(), layers: [] };
    const group = containerGroup();
    expect(
      thrownBy(() => buildContainer(group, groupContainer(), image, aciOptions())),
    ).toMatchObject({ code: 'IMAGE_INVALID', where: 'g.json containers[0]' });
  });
});

describe('every container object', () => {
  const word = fc.string({ maxLength: 8 });
  const given = fc.record({
    container: fc.record({
      name: fc.option(word, { nil: null }),
      command: fc.array(fc.oneof(word, fc.bigInt(), fc.boolean()), { maxLength: 3 }),
      args: fc.array(word, { maxLength: 2 }),
      env: fc.array(
        fc.record({ pattern: word, strategy: fc.constantFrom('string' as const, 're2' as const) }),
        { maxLength: 4 },
      ),
    }),
    group: fc.record({
      source: fc.constantFrom('arm' as const, 'vn2' as const, 'config' as const, 'image' as const),
      defaults: fc.constantFrom('aci' as const, 'vn2' as const),
    }),
    config: fc.record({
      env: fc.array(word, { maxLength: 4 }),
      cmd: fc.array(word, { maxLength: 2 }),
      entrypoint: fc.array(word, { maxLength: 2 }),
      user: word,
      workingDir: word,
      stopSignal: word,
    }),
  });

  const sortedKeys = (value: unknown): boolean => {
    if (Array.isArray(value)) return value.every(sortedKeys);
    if (typeof value !== 'object' || value === null) return true;
    const keys = Object.keys(value);
    return keys.join() === [...keys].sort().join() && Object.values(value).every(sortedKeys);
  };

  it('has the same members, is ASCII with sorted keys, and the input before image and defaults', () => {
    fc.assert(
      fc.property(given, (one) => {
        const object = build(one);
        const text = printCompact(object);
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(sortedKeys(JSON.parse(text))).toBe(true);
        expect([...object.keys()].sort()).toEqual([...build({}).keys()].sort());
        const rules = object.get('env_rules')!;
        expect(isList(rules) && rules.every(isMap)).toBe(true);
        expect(patterns(one).slice(0, one.container.env.length)).toEqual(
          one.container.env.map(({ pattern }) => pattern),
        );
      }),
      { seed: 0xac1, numRuns: 300 },
    );
  });
});
