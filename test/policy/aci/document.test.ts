import { describe, expect, it } from 'vitest';
import { type DataMap, mapOf } from '../../../src/core/data.js';
import { parseJsonData, printCompact } from '../../../src/core/data-json.js';
import type { Notice } from '../../../src/core/notice.js';
import { buildContainer } from '../../../src/policy/aci/container.js';
import { completeDefinition } from '../../../src/policy/aci/definition.js';
import { buildAciDocument, type FragmentChoice } from '../../../src/policy/aci/document.js';
import { ACI_GUEST_IDS, findAciGuest } from '../../../src/policy/aci/guests.js';
import { printAciPolicy } from '../../../src/policy/aci/print.js';
import type { ContainerGroup } from '../../../src/workload/container-group.js';
import {
  aciOptions,
  containerGroup,
  groupContainer,
  groupImage,
  SIDECAR,
} from '../../support/container-groups.js';
import { thrownBy } from '../../support/failure.js';

function documentOf(
  change: Partial<ContainerGroup> = {},
  choice: Partial<FragmentChoice> = {},
  options = aciOptions(),
) {
  const group = containerGroup(change);
  const built = group.containers.map((one) => buildContainer(group, one, groupImage(), options));
  const fragments = { imports: [], excludeInfrastructure: false, ...choice };
  return buildAciDocument(group, built, fragments, options);
}
const names = ({ containers }: { containers: readonly DataMap[] }) =>
  containers.map((one) => one.get('name'));
const entry = (feed: string, svn = '1') =>
  mapOf({ feed, issuer: 'did', minimum_svn: svn, includes: ['containers'], path: 'x.cose' });
const feeds = ({ fragments }: { fragments: readonly DataMap[] }) =>
  fragments.map((one) => `${one.get('feed')} ${one.get('minimum_svn')}`);
const INFRA = 'mcr.microsoft.com/aci/aci-cc-infra-fragment';

describe('containers', () => {
  const app = groupContainer();
  const sidecar = groupContainer({ name: 'side', image: SIDECAR });
  it('are followed by the pause container, unless all are side-cars', () => {
    expect(names(documentOf())).toEqual(['app', 'pause-container']);
    expect(names(documentOf({ containers: [sidecar] }))).toEqual(['side']);
    expect(names(documentOf({ containers: [app, sidecar] }))).toEqual([
      'app',
      'side',
      'pause-container',
    ]);
    expect(names(documentOf({ containers: [] }))).toEqual(['pause-container']);
  });

  it('a first side-car makes the text of a side-car, with a notice if others follow', () => {
    const notices: Notice[] = [];
    const options = aciOptions({}, notices);
    expect(documentOf({ containers: [sidecar] }, {}, options).form).toBe('sidecar');
    expect(notices).toEqual([]);
    expect(documentOf({ containers: [sidecar, app] }, {}, options).form).toBe('sidecar');
    expect(notices.map(({ code }) => code)).toEqual(['sidecar-first']);
    expect(documentOf({ containers: [app, sidecar] }).form).toBe('policy');
  });

  it('definitions follow the pause container', () => {
    const definitions = [mapOf({ name: 'mine' })];
    expect(names(documentOf({ containers: [], definitions }))).toEqual(['pause-container', 'mine']);
  });
});

describe('fragments', () => {
  it('of the group come first, then the infrastructure fragment, then imports', () => {
    const choice = { imports: [entry('import')] };
    const document = documentOf({ fragments: [entry('own')] }, choice);
    expect(feeds(document)).toEqual(['own 1', `${INFRA} 4`, 'import 1']);
    expect([...document.fragments[0]!.keys()].sort()).toEqual([
      'feed',
      'includes',
      'issuer',
      'minimum_svn',
    ]);
  });

  it('go without the infrastructure fragment if option or tag say so', () => {
    expect(feeds(documentOf({}, { excludeInfrastructure: true }))).toEqual([]);
    expect(feeds(documentOf({ excludesInfrastructure: true }))).toEqual([]);
  });

  it('the svn is that of the infrastructure fragment only', () => {
    const choice = { infrastructureSvn: '77' };
    expect(feeds(documentOf({ fragments: [entry('own')] }, choice))).toEqual([
      'own 1',
      `${INFRA} 77`,
    ]);
    expect(thrownBy(() => documentOf({ excludesInfrastructure: true }, choice)).code).toBe(
      'USAGE_CONFLICT',
    );
  });
});

describe('printAciPolicy', () => {
  it('follows the guest', () => {
    const text = (id: string) => {
      const options = aciOptions({ guest: findAciGuest(id) });
      return printAciPolicy(documentOf({}, {}, options));
    };
    expect(text('confcom-2.0.1')).toContain('api_version := "0.11.0"');
    expect(text('confcom-2.0.1')).toContain(
      '\nrw_mount_device := data.framework.rw_mount_device\n',
    );
    expect(text('confcom-1.3.1')).toContain('api_version := "0.10.0"');
    expect(text('confcom-1.3.1')).not.toContain('rw_mount_device');
    for (const id of ACI_GUEST_IDS) {
      expect(text(id)).toMatch(/^package policy\n\n[\s\S]*\n\nreason := \{"errors": [a-z.]+\}$/);
    }
  });

  it('prints containers compact or over many lines, fragments always over many', () => {
    const document = documentOf();
    expect(printAciPolicy(document)).toMatch(/\ncontainers := \[\{.*\}\]\n/);
    expect(printAciPolicy(document)).toContain('fragments := [\n  {\n');
    expect(printAciPolicy(document, { pretty: true })).toContain(
      'containers := [\n  {\n    "allow',
    );
  });

  it('prints side-cars without fragments and rules', () => {
    const sidecar = groupContainer({ name: 'side', image: SIDECAR });
    expect(printAciPolicy(documentOf({ containers: [sidecar] }))).toMatch(
      /^package microsoftcontainerinstance\n\napi_version := "0.11.0"\nframework_version := "0.2.3"\n\ncontainers := \[.*\]$/,
    );
  });

  it('debug mode opens two flags', () => {
    const text = printAciPolicy(documentOf({}, {}, aciOptions({ debugMode: true })));
    expect(text).toContain('allow_dump_stacks := true\nallow_runtime_logging := true\n');
    expect(text).toContain('allow_unencrypted_scratch := false\n');
  });
});

describe('completeDefinition', () => {
  const complete = (json: string) =>
    printCompact(completeDefinition(parseJsonData(json, 'd') as DataMap, 'd'));

  it('has every member of a container', () => {
    const object = completeDefinition(new Map(), 'd');
    expect([...object.keys()].sort()).toEqual([...documentOf().containers[0]!.keys()].sort());
    expect(object.get('command')).toBeNull();
  });

  it('sorts what has no order of its own, and completes items', () => {
    const text = complete(
      JSON.stringify({
        platform: 'linux/amd64',
        command: ['b', 'a'],
        layers: ['2', '1'],
        signals: [9, 15],
        env_rules: [
          { pattern: 'B=1', strategy: 'string' },
          { pattern: 'A=1', strategy: 'string', required: true },
        ],
        exec_processes: [{ command: ['z'] }, { command: ['a'], signals: [1] }],
        mounts: [{ destination: '/b', options: ['rw', 'rbind'], source: 's', type: 'bind' }],
        capabilities: { bounding: ['CAP_B', 'CAP_A'] },
      }),
    );
    expect(text).toContain('"command":["b","a"]');
    expect(text).toContain('"layers":["2","1"]');
    expect(text).toContain('"signals":[15,9]');
    expect(text).toContain(
      '"env_rules":[{"pattern":"A=1","required":true,"strategy":"string"},{"pattern":"B=1","required":false,"strategy":"string"}]',
    );
    expect(text).toContain(
      '"exec_processes":[{"allow_stdio_access":true,"command":["a"],"signals":[1]},{"allow_stdio_access":true,"command":["z"],"signals":[]}]',
    );
    expect(text).toContain('"options":["rbind","rw"]');
    expect(text).toContain('"bounding":["CAP_A","CAP_B"]');
    expect(text).toContain('"ambient":[]');
    expect(text).not.toContain('platform');
  });

  it.each([
    '{"nonsense":1}',
    '{"mounts":{}}',
    '{"mounts":[1]}',
    '{"env_rules":[{"name":"A"}]}',
    '{"user":[]}',
    '{"capabilities":{"all":[]}}',
  ])('refuses %s', (json) => {
    expect(thrownBy(() => complete(json)).code).toBe('MANIFEST_INVALID');
  });
});
