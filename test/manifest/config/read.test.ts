import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import type { Notice } from '../../../src/core/notice.js';
import { readDefinitions, readImageGroup } from '../../../src/manifest/config/definitions.js';
import { readConfig } from '../../../src/manifest/config/read.js';
import { thrownBy } from '../../support/failure.js';
import { mutate, mutation } from '../../support/text-mutations.js';

const read = (value: unknown, notices: Notice[] = []) =>
  readConfig(typeof value === 'string' ? value : JSON.stringify(value), 'c.json', {
    approve: () => true,
    notices: (notice) => notices.push(notice),
  });
const container = (properties: object, more: object = {}) => ({
  containers: [{ name: 'c', properties: { image: 'i', ...properties } }],
  ...more,
});
const first = (value: unknown) => read(value).containers[0]!;

describe('readConfig', () => {
  it('reads every field, whatever the case of its key', () => {
    const group = read({
      Containers: [
        {
          NAME: 'c',
          Properties: {
            Image: 'example.org/i:1',
            command: ['a', 1, true],
            workingDir: '/w',
            environmentVariables: [
              { name: 'A', value: 5 },
              { name: 'B', value: 0, secureValue: 's' },
              { name: 'C', value: 'x.*', regex: 'false' },
              { name: 'D' },
            ],
            execProcesses: [{ command: ['p'], signals: [9] }, { command: ['q'] }],
            livenessProbe: { exec: { command: ['l'] } },
            readinessProbe: { exec: { command: ['r'] } },
            volumeMounts: [
              { mountType: 'secret', mountPath: '/s', readOnly: true },
              { mountType: 'azureFile', mountPath: '/a', options: ['x'] },
            ],
            configMap: { a: 'b' },
          },
        },
      ],
    });
    expect(group).toMatchObject({ source: 'config', defaults: 'aci', fragments: [] });
    expect(group.containers).toMatchObject([
      {
        name: 'c',
        id: 'example.org/i:1',
        image: 'example.org/i:1',
        writtenImage: 'example.org/i:1',
        command: ['a', 1n, true],
        args: [],
        workingDir: '/w',
        env: [
          { pattern: 'A=5', strategy: 'string' },
          { pattern: 'B=s', strategy: 'string' },
          { pattern: 'C=x.*', strategy: 're2' },
          { pattern: 'D=', strategy: 'string' },
        ],
        execProcesses: [
          { command: ['p'], signals: [9n] },
          { command: ['q'], signals: [] },
          { command: ['r'], signals: [] },
          { command: ['l'], signals: [] },
        ],
        mounts: [
          { type: 'secret', destination: '/s', readOnly: true },
          { type: 'azureFile', destination: '/a', readOnly: false, options: ['x'] },
          { type: 'emptyDir', destination: '/mnt/configmap', readOnly: false },
        ],
      },
    ]);
  });

  it('knows virtual nodes: privileged mounts, then workload identity', () => {
    const group = read(
      container(
        {
          securityContext: { privileged: true },
          configMap: {},
          environmentVariables: [{ name: 'A' }],
        },
        { scenario: 'VN2', labels: { 'azure.workload.identity/use': 'false' } },
      ),
    );
    expect(group.defaults).toBe('vn2');
    expect(group.containers[0]?.mounts.map(({ destination }) => destination)).toEqual([
      '/sys/fs/cgroup',
      '/sys',
      '/var/run/secrets/azure/tokens',
    ]);
    expect(group.containers[0]?.env.map(({ pattern }) => pattern)).toEqual([
      'AZURE_CLIENT_ID=.+',
      'AZURE_TENANT_ID=.+',
      'AZURE_FEDERATED_TOKEN_FILE=.+',
      'AZURE_AUTHORITY_HOST=.+',
      'A=',
    ]);
    expect(first(container({ securityContext: { privileged: true } })).mounts).toEqual([]);
  });

  it('keeps fragments; the standalone ones are not checked', () => {
    const entry = { feed: 'f', issuer: 'i', minimum_svn: '1', includes: [] };
    const { fragments, containers } = read({
      fragments: [null, entry],
      standaloneFragments: [{ x: 1 }],
    });
    expect(fragments).toEqual([new Map(Object.entries(entry)), new Map([['x', 1n]])]);
    expect(containers).toEqual([]);
  });

  it('reads the first form', () => {
    const notices: Notice[] = [];
    const group = read(
      {
        fragments: [{}],
        containers: [
          {
            name: 'old',
            containerImage: 'i',
            environmentVariables: [{ name: 'A', value: 'x', strategy: 're2' }, { name: 'B' }],
            execProcesses: ['sh', '-c', 'x'],
            livenessProbe: { exec: { command: ['l'] } },
            readinessProbe: { exec: { command: ['r'] } },
            mounts: [
              { mountType: 'secret', mountPath: '/s' },
              { mountType: 'emptyDir', mountPath: '/e', readonly: false },
            ],
            securityContext: { runAsUser: 1 },
            allow_elevated: true,
          },
        ],
      },
      notices,
    );
    expect(group.containers).toMatchObject([
      {
        name: 'old',
        env: [
          { pattern: 'A=x', strategy: 're2' },
          { pattern: 'B=', strategy: 'string' },
        ],
        execProcesses: [{ command: ['sh', '-c', 'x'] }, { command: ['l'] }, { command: ['r'] }],
        mounts: [
          { destination: '/s', readOnly: true },
          { destination: '/e', readOnly: false },
        ],
        security: { privileged: true, runAsUser: 1n },
      },
    ]);
    expect(group.fragments).toEqual([]);
    expect(notices.map(({ code }) => code)).toEqual(['fragments-left-out']);
  });

  const fragment = (change: object) => ({
    fragments: [{ feed: 'f', issuer: 'i', minimum_svn: '1', includes: [], ...change }],
  });
  it.each<[unknown, RegExp]>([
    ['[]', /is not a map/],
    [{}, /neither containers nor fragments/],
    [container({ image: '' }), /image is empty/],
    [container({ command: 'sh' }), /command is not a list/],
    [container({ workingDir: 'w' }), /workingDir is not an absolute path/],
    [container({ workingDir: 5 }), /workingDir is not an absolute path/],
    [container({ environmentVariables: [{ value: 'x' }] }), /name is empty/],
    [container({ environmentVariables: { a: 1 } }), /environmentVariables is not a list/],
    [container({ execProcesses: [{ command: 'sh' }] }), /command is not a list/],
    [container({ readinessProbe: { exec: { command: '' } } }), /exec.command/],
    [container({ volumeMounts: [{ mountPath: '/a' }] }), /mountType is not a kind/],
    [container({ volumeMounts: [{ mountType: 'configMap', mountPath: '/a' }] }), /mountType/],
    [container({ volumeMounts: [{ mountType: 'secret' }] }), /mountPath is empty/],
    [
      container({ volumeMounts: [{ mountType: 'secret', mountPath: '/a', readOnly: 'true' }] }),
      /readOnly is not true or false/,
    ],
    [fragment({ feed: 1 }), /feed does not fit/],
    [fragment({ issuer: null }), /issuer does not fit/],
    [fragment({ minimum_svn: 1 }), /minimum_svn does not fit/],
    [fragment({ minimum_svn: '' }), /minimum_svn does not fit/],
    [fragment({ minimum_svn: '-1' }), /minimum_svn does not fit/],
    [fragment({ includes: 'containers' }), /includes does not fit/],
  ])('refuses %j', (value, message) => {
    expect(thrownBy(() => read(value))).toMatchObject({
      code: 'MANIFEST_INVALID',
      message: expect.stringMatching(message),
      where: expect.stringMatching(/^c\.json/),
    });
  });

  it('gives a group or an error with a code for damaged texts', () => {
    const whole = JSON.stringify(
      container(
        {
          command: ['sh'],
          environmentVariables: [{ name: 'A', value: 'b' }],
          volumeMounts: [{ mountType: 'secret', mountPath: '/s' }],
          securityContext: { runAsUser: 1, seccompProfile: 'e30=' },
        },
        { fragments: [{ feed: 'f', issuer: 'i', minimum_svn: '1', includes: [] }] },
      ),
      undefined,
      1,
    );
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
        try {
          read(mutations.reduce(mutate, whole));
        } catch (error) {
          if (!(error instanceof ToolError) || error.code === 'INTERNAL') throw error;
        }
      }),
      { seed: 0xace, numRuns: 1500 },
    );
  });
});

describe('other sources', () => {
  it('definitions are texts with one map or a list of them', () => {
    const { definitions, containers, source } = readDefinitions(
      ['{"id":"a"}', '[{"id":"b"}]'],
      '-',
    );
    expect(source).toBe('definitions');
    expect(containers).toEqual([]);
    expect(definitions?.map((one) => one.get('id'))).toEqual(['a', 'b']);
    expect(thrownBy(() => readDefinitions(['[1]'], '-')).code).toBe('MANIFEST_INVALID');
    expect(thrownBy(() => readDefinitions(['{'], '-')).code).toBe('JSON_SYNTAX');
  });

  it('an image is a group of one container', () => {
    expect(readImageGroup('i:1')).toMatchObject({
      source: 'image',
      containers: [{ name: 'i:1', id: 'i:1', image: 'i:1', writtenImage: 'i:1' }],
    });
    expect(thrownBy(() => readImageGroup('')).code).toBe('IMAGE_REFERENCE_INVALID');
  });
});
