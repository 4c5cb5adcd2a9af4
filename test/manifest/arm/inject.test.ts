import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonTree } from '../../../src/core/json-tree.js';
import {
  type PolicyEdit,
  rewriteTemplateAsReference,
  setTemplatePolicies,
} from '../../../src/manifest/arm/inject.js';
import { parseArmFile } from '../../../src/manifest/arm/parse.js';
import { GROUP_TYPE } from '../../support/arm.js';
import { thrownBy } from '../../support/failure.js';

const POLICY = 'cGFja2FnZSBwb2xpY3k=';
const EDIT: PolicyEdit = { path: ['resources', 0], value: POLICY };

const inject = (text: string, edits: readonly PolicyEdit[] = [EDIT]) =>
  setTemplatePolicies(parseArmFile(text, 'template.json'), edits);

/** A template with these lines in the properties of its only group. */
const around = (properties: string, newLine = '\n') =>
  [
    '{',
    '  "resources": [',
    '    {',
    `      "type": "${GROUP_TYPE}",`,
    properties,
    '    }',
    '  ]',
    '}',
    '',
  ]
    .join('\n')
    .replaceAll('\n', newLine);

describe('setTemplatePolicies', () => {
  it.each([
    [
      'an empty policy',
      '      "properties": { "confidentialComputeProperties": { "ccePolicy": "" } }',
      `      "properties": { "confidentialComputeProperties": { "ccePolicy": "${POLICY}" } }`,
    ],
    [
      'another policy, other case, odd blanks and a comment',
      '      "Properties": {"CONFIDENTIALcomputeProperties" :{ "CCEPolicy"\t: "b2xk" /* old */ }}',
      `      "Properties": {"CONFIDENTIALcomputeProperties" :{ "CCEPolicy"\t: "${POLICY}" /* old */ }}`,
    ],
    [
      'an expression',
      `      "properties": { "confidentialComputeProperties": { "ccePolicy": "[parameters('p')]" } }`,
      `      "properties": { "confidentialComputeProperties": { "ccePolicy": "${POLICY}" } }`,
    ],
    [
      'no policy, on one line',
      '      "properties": { "confidentialComputeProperties": { "isolationType": "SevSnp" } }',
      `      "properties": { "confidentialComputeProperties": { "isolationType": "SevSnp", "ccePolicy": "${POLICY}" } }`,
    ],
    [
      'no policy, compact',
      '      "properties":{"confidentialComputeProperties":{"isolationType":"SevSnp"}}',
      `      "properties":{"confidentialComputeProperties":{"isolationType":"SevSnp","ccePolicy":"${POLICY}"}}`,
    ],
    [
      'no policy, over several lines, with comments behind the last member',
      `      "properties": {
        "confidentialComputeProperties": {
          "isolationType": "SevSnp" // the only one
          // nothing more
        }
      }`,
      `      "properties": {
        "confidentialComputeProperties": {
          "isolationType": "SevSnp", // the only one
          "ccePolicy": "${POLICY}"
          // nothing more
        }
      }`,
    ],
    [
      'a comment of several lines behind the last member',
      `      "properties": {
        "osType": "Linux" /* a
        b */ // c
      }`,
      `      "properties": {
        "osType": "Linux", /* a
        b */ // c
        "confidentialComputeProperties": {
          "ccePolicy": "${POLICY}"
        }
      }`,
    ],
    [
      'no confidentialComputeProperties',
      `      "properties": {
        "osType": "Linux"
      }`,
      `      "properties": {
        "osType": "Linux",
        "confidentialComputeProperties": {
          "ccePolicy": "${POLICY}"
        }
      }`,
    ],
    [
      'no confidentialComputeProperties, tabs',
      '      "properties": {\n\t\t\t\t\t\t\t"osType" : "Linux",\n\t\t\t\t\t\t\t"sku" : "Standard"\n\t\t\t\t\t\t}',
      `      "properties": {\n\t\t\t\t\t\t\t"osType" : "Linux",\n\t\t\t\t\t\t\t"sku" : "Standard",\n\t\t\t\t\t\t\t"confidentialComputeProperties" : {\n\t\t\t\t\t\t\t  "ccePolicy" : "${POLICY}"\n\t\t\t\t\t\t\t}\n\t\t\t\t\t\t}`,
    ],
    [
      'confidentialComputeProperties null',
      `      "properties": {
        "confidentialComputeProperties": null,
        "osType": "Linux"
      }`,
      `      "properties": {
        "confidentialComputeProperties": {
          "ccePolicy": "${POLICY}"
        },
        "osType": "Linux"
      }`,
    ],
    [
      'confidentialComputeProperties empty',
      `      "properties": {
        "confidentialComputeProperties": {}
      }`,
      `      "properties": {
        "confidentialComputeProperties": {
          "ccePolicy": "${POLICY}"
        }
      }`,
    ],
    [
      'confidentialComputeProperties with a comment only',
      `      "properties": {
        "confidentialComputeProperties": { // none yet
        }
      }`,
      `      "properties": {
        "confidentialComputeProperties": {
          "ccePolicy": "${POLICY}" // none yet
        }
      }`,
    ],
  ])('%s', (_name, before, after) => {
    expect(inject(around(before))).toBe(around(after));
    expect(inject(around(before, '\r\n'))).toBe(around(after, '\r\n'));
    expect(inject(`\ufeff// c\n${around(before)}`)).toBe(`\ufeff// c\n${around(after)}`);
  });

  it('changes nothing else, whatever the layout', () => {
    const members = fc.uniqueArray(
      fc.constantFrom('osType', 'sku', 'containers', '2', '1', 'confidentialComputeProperties'),
      { minLength: 1 },
    );
    const layout = fc.record({
      indent: fc.constantFrom<string | number | undefined>(undefined, 1, 2, 4, '\t'),
      newLine: fc.constantFrom('\n', '\r\n', '\r'),
      inner: fc.constantFrom<unknown>({}, { ccePolicy: '' }, { isolationType: 'SevSnp' }, null),
    });
    fc.assert(
      fc.property(members, layout, fc.boolean(), (keys, { indent, newLine, inner }, commented) => {
        const properties = Object.fromEntries(
          keys.map((key) => [key, key.startsWith('conf') ? inner : [1.5, { a: 'é' }]]),
        );
        const resources = [{ type: 'x' }, { properties, type: GROUP_TYPE }, { type: 'y' }];
        const plain = JSON.stringify({ resources, outputs: {} }, null, indent);
        const text = (commented ? plain.replaceAll(/([[{,])(?=\n)/g, '$1 // c') : plain).replaceAll(
          '\n',
          newLine,
        );
        const result = inject(text, [{ path: ['resources', 1], value: POLICY }]);
        expect(inject(result, [{ path: ['resources', 1], value: POLICY }])).toBe(result);
        expect(missingCharacters(text.replace('null', ''), result)).toBe('');
        const style = (one: string) => [
          /\r\n/.test(one),
          /(?<!\r)\n/.test(one),
          /\r(?!\n)/.test(one),
        ];
        expect(style(result)).toEqual(style(text));
      }),
      { seed: 0x5eed, numRuns: 500 },
    );
  });

  it('takes several groups, and instances of a loop with the same policy', () => {
    const text = JSON.stringify({
      resources: [{ properties: { a: 1 } }, { properties: { b: [] } }],
    });
    const second = { path: ['resources', 1], value: 'Yg==' };
    expect(JSON.parse(inject(text, [EDIT, EDIT, second]))).toEqual({
      resources: [
        { properties: { a: 1, confidentialComputeProperties: { ccePolicy: POLICY } } },
        { properties: { b: [], confidentialComputeProperties: { ccePolicy: 'Yg==' } } },
      ],
    });
    expect(thrownBy(() => inject(text, [EDIT, { ...EDIT, value: 'Yg==' }]))).toMatchObject({
      code: 'MANIFEST_NOT_EDITABLE',
      message: 'the instances of a copy loop need different policies',
      where: 'template.json:1:15 resources[0]',
    });
  });

  it.each([
    ['{"resources": [{"properties": "[parameters(\'p\')]"}]}'],
    ['{"resources": [{}]}'],
    ['{"resources": [{"properties": {"confidentialComputeProperties": "[variables(\'v\')]"}}]}'],
  ])('refuses %s', (text) => {
    expect(thrownBy(() => inject(text)).code).toBe('MANIFEST_NOT_EDITABLE');
  });
});

/** What of `before` is not in `after`, in this order. */
function missingCharacters(before: string, after: string): string {
  let missing = '';
  let at = 0;
  for (const character of before) {
    const found = after.indexOf(character, at);
    if (found < 0) missing += character;
    else at = found + 1;
  }
  return missing;
}

describe('rewriteTemplateAsReference', () => {
  const rewrite = (text: string) =>
    rewriteTemplateAsReference(parseJsonTree(text, 't.json', { duplicates: 'last' }), [EDIT]);

  it('writes two blanks per level, ASCII, numbers as Python does', () => {
    const text =
      '{"é": [1.0, 1e3, 12345678901234567890, []], "resources": [{"properties": {"2": {}, "1": null}}]}';
    expect(rewrite(text)).toBe(
      `{
  "\\u00e9": [
    1.0,
    1000.0,
    12345678901234567890,
    []
  ],
  "resources": [
    {
      "properties": {
        "2": {},
        "1": null,
        "confidentialComputeProperties": {
          "ccePolicy": "${POLICY}"
        }
      }
    }
  ]
}`,
    );
  });

  it('sets exactly ccePolicy, at the end if it is new', () => {
    const text =
      '{"resources": [{"properties": {"ConfidentialComputeProperties": {"CCEPOLICY": "", "a": 1}}}]}';
    expect(JSON.parse(rewrite(text)).resources[0].properties).toEqual({
      ConfidentialComputeProperties: { CCEPOLICY: '', a: 1, ccePolicy: POLICY },
    });
  });

  it('sets new properties where those in another case are empty', () => {
    const text = '{"resources": [{"properties": {"ConfidentialComputeProperties": {}, "a": 1}}]}';
    expect(JSON.parse(rewrite(text)).resources[0].properties).toEqual({
      ConfidentialComputeProperties: {},
      a: 1,
      confidentialComputeProperties: { ccePolicy: POLICY },
    });
  });

  it('refuses an expression in the place of the properties', () => {
    const text =
      '{"resources": [{"properties": {"confidentialComputeProperties": "[variables(\'c\')]"}}]}';
    expect(thrownBy(() => rewrite(text)).code).toBe('MANIFEST_NOT_EDITABLE');
  });

  it('leaves a template alone that gets no policy', () => {
    const document = parseJsonTree('{ "a":1}', 't.json', { duplicates: 'last' });
    expect(rewriteTemplateAsReference(document, [])).toBe('{ "a":1}');
  });
});
