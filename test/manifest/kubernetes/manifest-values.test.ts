import { describe, expect, it } from 'vitest';

import { codes, containerOf, pod, problems, read, workloadOf } from '../../support/read-pods.js';

describe('scalars', () => {
  it.each(['true', 'True', 'TRUE', 'yes', 'on', 'y'])('take %s for true', (text) => {
    expect(workloadOf(pod({ spec: `hostNetwork: ${text}` })).pod.hostNetwork).toBe(true);
  });

  it.each([
    ['0', 0],
    ['1000', 1000],
    ['0x10', 16],
    ['0o17', 15],
    ['4294967295', 4294967295],
  ])('take %s for an id', (text, id) => {
    expect(containerOf(`securityContext: {runAsUser: ${text}}`).securityContext?.runAsUser).toBe(
      id,
    );
  });

  it.each(['0100', '1_000', '08'])('refuse %s for an id: readers disagree', (text) => {
    expect(codes(pod({ container: `securityContext: {runAsUser: ${text}}` }))).toEqual([
      'MANIFEST_INVALID 9:34 spec.containers[0].securityContext.runAsUser',
    ]);
  });

  it.each([
    ['1.50', '1.5'],
    ['true', 'true'],
    ['yes', 'yes'],
    ['1e3', '1000.0'],
    ['0644', '0644'],
    ['0x10', '16'],
    ['Null', 'Null'],
    ['NULL', 'NULL'],
  ])('give the text of the reference for %s, with a notice', (text, value) => {
    const { workloads, notices } = read(pod({ container: `env: [{name: A, value: ${text}}]` }));
    expect(workloads[0]?.pod.containers[0]?.env[0]?.source).toEqual({ kind: 'value', value });
    expect(notices).toMatchObject([
      { code: 'scalar-not-text', where: 'a.yaml:9:28 spec.containers[0].env[0].value' },
    ]);
  });

  it.each(['a b', '"1.50"', "'yes'", '12:30:45', '2020-01-01', '1e400', '!!str 7'])(
    'give text for %s, without a notice',
    (text) => {
      expect(read(pod({ container: `env: [{name: A, value: ${text}}]` })).notices).toEqual([]);
    },
  );

  it('refuse a number of more than 64 bits for text', () => {
    const container = 'env: [{name: A, value: 18446744073709551616}]';
    expect(codes(pod({ container }))).toEqual([
      'MANIFEST_INVALID 9:28 spec.containers[0].env[0].value',
    ]);
  });

  it('give ~ for null in a map of texts, with a notice', () => {
    const { workloads, notices } = read(pod({ metadata: 'annotations: {a: ~, b: }' }));
    expect(workloads[0]?.annotations).toEqual(
      new Map([
        ['a', '~'],
        ['b', '~'],
      ]),
    );
    expect(notices.map(({ code }) => code)).toEqual(['scalar-not-text', 'scalar-not-text']);
  });

  it('name keys that kubectl turns into something else', () => {
    const { workloads, notices } = read(pod({ metadata: 'labels: {n: a, "y": b, 1.50: c}' }));
    expect([...(workloads[0]?.labels ?? [])]).toEqual([
      ['n', 'a'],
      ['y', 'b'],
      ['1.5', 'c'],
    ]);
    expect(notices.map(({ where }) => where)).toEqual(['a.yaml:5:12 metadata.labels.n']);
  });

  it.each([
    ['1', '1'],
    ['0.50', '0.5'],
    ['500m', '500m'],
    ['"2"', '2'],
  ])('take %s for a quantity', (text, value) => {
    const { workloads, notices } = read(pod({ container: `resources: {limits: {cpu: ${text}}}` }));
    expect(workloads[0]?.pod.containers[0]?.limits?.get('cpu')).toBe(value);
    expect(notices).toEqual([]);
  });

  it.each(['010', '1_000', 'true', 'Null', 'yes'])('refuse %s for a quantity', (text) => {
    expect(codes(pod({ container: `resources: {limits: {cpu: ${text}}}` }))).toHaveLength(1);
  });
});

describe('duplicate and merge keys', () => {
  it('of duplicates the last counts, with a notice', () => {
    const { workloads, notices } = read(pod({ spec: 'hostNetwork: false\nhostNetwork: true' }));
    expect(workloads[0]?.pod.hostNetwork).toBe(true);
    expect(notices).toMatchObject([{ code: 'duplicate-key', where: 'a.yaml:10:3 spec' }]);
  });

  it('merged fields count, explicit ones win', () => {
    const text = `apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - &one {name: one, image: i, tty: true}
  - &two
    <<: *one
    name: two
  - <<: [{tty: false}, *two]
    name: three
`;
    const { workloads, notices } = read(text);
    expect(notices).toEqual([]);
    const containers = workloads[0]?.pod.containers;
    expect(containers?.map(({ name, image, tty }) => [name, image, tty])).toEqual([
      ['one', 'i', true],
      ['two', 'i', true],
      ['three', 'i', false],
    ]);
  });

  it.each([
    ['name: two\n    <<: *one', 'readers disagree'],
    ['<<: *one\n    <<: *one\n    name: two', 'write one'],
    ['<<: 7\n    name: two\n    image: i', ''],
  ])('what is merged must be clear: %j', (lines, hint) => {
    const text = `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - &one {name: one, image: i}\n  - ${lines}\n`;
    const [error] = problems(text);
    expect(error?.code).toBe('MANIFEST_INVALID');
    expect(error?.hints.join()).toContain(hint);
  });

  it('a quoted << is a field like any other', () => {
    expect(codes(pod({ spec: '"<<": {hostNetwork: true}' }))).toEqual([
      'MANIFEST_UNKNOWN_FIELD 9:3 spec.<<',
    ]);
  });
});

describe('attachments', () => {
  const documents = `apiVersion: v1
kind: ConfigMap
metadata: {name: cm}
data: {a: x, b: "1"}
binaryData: {c: AAAA}
---
apiVersion: v1
kind: Secret
metadata: {name: s}
type: Opaque
data: {k: czE=, l: b2xk}
stringData: {l: new}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: far}
spec: {storageClassName: fast, whatever: 1}
`;
  const attachments = {
    configMaps: [
      {
        name: 'cm',
        data: new Map([
          ['a', 'x'],
          ['b', '1'],
        ]),
      },
    ],
    secrets: [
      {
        name: 's',
        data: new Map([
          ['k', 'czE='],
          ['l', 'bmV3'],
        ]),
      },
    ],
    claims: [{ name: 'far', inList: false, storageClassName: 'fast' }],
  };

  it('are read from manifests and from extra files', () => {
    expect(read(documents).attachments).toEqual(attachments);
    const extra = read([{ file: 'c.yaml', text: documents, role: 'attachment' }]);
    expect(extra.attachments).toEqual(attachments);
    expect(extra.documents).toEqual([]);
  });

  it('are checked as workloads are, and their secrets kept out of messages', () => {
    const text =
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {k: 99999999999999999999}\nfoo: 1\n';
    const found = problems(text);
    expect(found.map(({ code }) => code)).toEqual(['MANIFEST_INVALID', 'MANIFEST_UNKNOWN_FIELD']);
    expect(JSON.stringify(found.map((e) => [e.message, e.got, e.want, e.hints]))).not.toContain(
      '9999',
    );
  });

  it('other kinds are refused or dropped, as by the reference of the guest', () => {
    const input = [{ file: 'c.yaml', text: pod(), role: 'attachment' as const }];
    for (const guest of ['C', 'V'] as const) {
      expect(problems(input, { guest }).map(({ code }) => code)).toEqual(['MANIFEST_UNSUPPORTED']);
    }
    for (const guest of ['M', 'U'] as const) {
      const { workloads, notices } = read(input, { guest });
      expect(workloads).toEqual([]);
      expect(notices.map(({ code }) => code)).toEqual(['attachment-ignored']);
    }
  });

  it('of one name are noticed', () => {
    const { notices } = read(`${documents}---\n${documents}`);
    expect(notices.map(({ code, message }) => [code, message])).toEqual([
      ['attachment-twice', 'there is more than one ConfigMap cm; the first is used'],
      ['attachment-twice', 'there is more than one Secret s; the first is used'],
    ]);
  });
});
