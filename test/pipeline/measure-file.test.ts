import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.js';
import { measureFile } from '../../src/pipeline/measure-file.js';
import { groupResource } from '../support/arm.js';
import { thrownBy } from '../support/failure.js';

const POLICY = 'package policy\n\napi_version := "0.11.0"\n';
const BASE64 = Buffer.from(POLICY).toString('base64');

const measure = (text: string) => measureFile(Buffer.from(text), 'template.json', () => undefined);
const holding = (ccePolicy: string, name: string) => {
  const group = groupResource({}, { name }) as { properties: object };
  const properties = { ...group.properties, confidentialComputeProperties: { ccePolicy } };
  return { ...group, properties };
};

describe('measureFile of an ARM template', () => {
  it('finds every policy, with its group and place', () => {
    const nested = {
      type: 'Microsoft.Resources/deployments',
      name: 'inner',
      properties: { template: { resources: [holding(BASE64, 'second')] } },
    };
    const template = { resources: [holding(BASE64, 'first'), holding('', 'none'), nested] };
    const found = measure(JSON.stringify(template, null, 2));
    expect(found).toMatchObject([
      {
        hostData: sha256Hex(POLICY),
        target: 'aci',
        workload: 'containerGroup first',
        where: expect.stringMatching(
          /^template\.json:\d+:\d+ resources\[0\]\.properties\.confidentialComputeProperties\.ccePolicy$/,
        ),
      },
      { workload: 'containerGroup second' },
    ]);
  });

  it.each([
    ['comments', (text: string) => `// c\n/* d **/ ${text.replace('{', '{ // e\n')}`],
    ['a byte order mark', (text: string) => `\ufeff${text}`],
    [
      'names in another case',
      (text: string) =>
        text.replace('ccePolicy', 'CCEPolicy').replace('"resources"', '"Resources"'),
    ],
  ])('reads one with %s', (_name, change) => {
    const text = change(JSON.stringify({ resources: [holding(BASE64, 'g')] }));
    expect(measure(text).map(({ hostData }) => hostData)).toEqual([sha256Hex(POLICY)]);
  });

  it.each([
    [{ resources: [holding("[parameters('p')]", 'g')] }, 'the policy is an expression'],
    [{ resources: [holding('', 'g')] }, 'template.json holds no policy'],
  ])('refuses %j', (template, message) => {
    expect(thrownBy(() => measure(JSON.stringify(template)))).toMatchObject({
      code: 'POLICY_UNREADABLE',
      message,
    });
  });

  it('refuses doubled keys, which readers take for different policies', () => {
    const text = JSON.stringify({ resources: [holding(BASE64, 'g')] });
    const doubled = text.replace('"ccePolicy"', '"ccePolicy":"","ccePolicy"');
    expect(thrownBy(() => measure(doubled)).code).toBe('JSON_SYNTAX');
  });
});
