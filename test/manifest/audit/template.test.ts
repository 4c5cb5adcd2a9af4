/** Container groups without a policy are found where they stand, and so are the variables with secure values. */
import { describe, expect, it } from 'vitest';
import { auditTemplate, templateSecrets } from '../../../src/manifest/audit/template.js';

const group = (name: string, properties: object, type = 'containerGroups') => ({
  type: `Microsoft.ContainerInstance/${type}`,
  name,
  properties,
});

const audit = (...resources: object[]) =>
  auditTemplate(JSON.stringify({ resources }, null, 2), 'a.json');

const told = (...resources: object[]) =>
  audit(...resources).findings.map(
    ({ id, severity, subject, place }) => `${severity} ${id} ${subject} ${place.line}`,
  );

const policy = (ccePolicy?: unknown) => ({ confidentialComputeProperties: { ccePolicy } });

describe('auditTemplate', () => {
  it.each<[what: string, properties: object, expected: readonly string[]]>([
    ['a policy', policy('cGFja2FnZQ=='), []],
    ['a policy that is an expression', policy("[parameters('policy')]"), []],
    ['an empty policy', policy(''), ['critical group-without-policy containerGroup web 8']],
    ['no policy', policy(), ['critical group-without-policy containerGroup web 7']],
    ['sku alone', { sku: 'confidential' }, ['critical group-without-policy containerGroup web 3']],
    ['another sku', { sku: 'Standard' }, ['medium group-not-confidential containerGroup web 3']],
    ['no sku', {}, ['medium group-not-confidential containerGroup web 3']],
    ['a sku that only the deployment knows', { sku: "[parameters('sku')]" }, []],
  ])('judges a group with %s', (_what, properties, expected) => {
    expect(told(group('web', properties))).toEqual(expected);
  });

  it('finds groups in any case, nested ones and profiles, each by its own', () => {
    const { type, ...rest } = group('a', policy('x'));
    const nested = {
      type: 'Microsoft.Resources/deployments',
      properties: { template: { resources: [group('c', policy(''))] } },
    };
    const found = audit(
      { TYPE: type.toUpperCase(), ...rest },
      group('b', policy(''), 'containerGroupProfiles'),
      nested,
    );
    expect(found.groups).toBe(3);
    expect(found.findings.map(({ subject }) => subject)).toEqual([
      'containerGroup b',
      'containerGroup c',
    ]);
    expect(audit({ type: 'Microsoft.Storage/x', name: 'y' }).groups).toBe(0);
  });

  it('names variables with secure values', () => {
    const environmentVariables = [
      { name: 'DB', secureValue: "[parameters('db')]" },
      { name: 'EMPTY', secureValue: '' },
      { name: 'PLAIN', value: 'x' },
    ];
    const container = (name: string) => ({ name, properties: { environmentVariables } });
    const web = group('web', { containers: [container('a')], initContainers: [container('b')] });
    const secrets = templateSecrets(JSON.stringify({ resources: [web] }), 'a.json');
    const variables = new Map([['DB', 'a secureValue']]);
    expect(secrets).toEqual(
      new Map([
        [
          'containerGroup web',
          new Map([
            ['a', variables],
            ['b', variables],
          ]),
        ],
      ]),
    );
  });

  it('passes over what does not fit', () => {
    const odd = [1, null, 'x', { name: 3, properties: [] }];
    expect(told(group('w', { ...policy('x'), containers: odd, initContainers: 7 }))).toEqual([]);
  });
});
