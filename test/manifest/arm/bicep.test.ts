/** A template as the Bicep compiler writes it: symbolic names, a module, functions, lambdas, loops, file contents. */
import { describe, expect, it } from 'vitest';
import { GROUP_TYPE, readTemplate } from '../../support/arm.js';

const FUNCTIONS = [
  {
    namespace: '__bicep',
    members: {
      full: {
        parameters: [{ type: 'string', name: 'tag' }],
        output: { type: 'string', value: "[format('example.org/app:{0}', parameters('tag'))]" },
      },
    },
  },
];
const VARIABLES = {
  '$fxv#0': 'line1\nline2',
  copy: [
    {
      name: 'names',
      count: '[length(range(0, 2))]',
      input: "[format('side{0}', range(0, 2)[copyIndex('names')])]",
    },
  ],
  envs: "[concat(map(items(parameters('extra')), lambda('i', createObject('name', lambdaVariables('i').key, 'value', lambdaVariables('i').value))), createArray(createObject('name', 'CONFIG', 'value', base64(variables('$fxv#0')))), if(equals(parameters('settings'), null()), createArray(), createArray(parameters('settings'))))]",
};
const MODULE = {
  parameters: {
    image: { type: 'string' },
    envs: { type: 'array' },
    names: { type: 'array' },
    option: { type: 'string', defaultValue: 'fallback' },
    key: { type: 'securestring' },
  },
  resources: [
    {
      type: GROUP_TYPE,
      name: 'app',
      properties: {
        copy: [
          {
            name: 'containers',
            count: "[length(parameters('names'))]",
            input: {
              name: "[parameters('names')[copyIndex('containers')]]",
              properties: {
                image: "[parameters('image')]",
                command: "[createArray('run', parameters('option'))]",
                environmentVariables:
                  "[union(parameters('envs'), createArray(createObject('name', 'KEY', 'secureValue', parameters('key'))))]",
              },
            },
          },
        ],
        osType: 'Linux',
      },
    },
  ],
};
const TEMPLATE = {
  languageVersion: '2.0',
  definitions: { env: { type: 'object' } },
  functions: FUNCTIONS,
  parameters: {
    location: { type: 'string', defaultValue: '[resourceGroup().location]' },
    settings: { $ref: '#/definitions/env', nullable: true },
    extra: { type: 'object', defaultValue: { LOG_LEVEL: 'info', LOG_FORMAT: 'json' } },
    key: { type: 'securestring', defaultValue: '[newGuid()]' },
    tags: { type: 'array', defaultValue: ['3.0'] },
  },
  variables: VARIABLES,
  resources: {
    group: {
      type: 'Microsoft.Resources/deployments',
      name: "[format('m-{0}', uniqueString(resourceGroup().id))]",
      properties: {
        expressionEvaluationOptions: { scope: 'inner' },
        parameters: {
          image: { value: "[__bicep.full(first(parameters('tags')))]" },
          envs: { value: "[variables('envs')]" },
          names: { value: "[variables('names')]" },
          option:
            "[if(empty(parameters('tags')), createObject('value', 'x'), createObject('value', null()))]",
          key: { value: "[parameters('key')]" },
        },
        template: MODULE,
      },
    },
  },
};

describe('a template of the Bicep compiler', () => {
  it('is evaluated as a whole; what is not known is asked about by the name of its parameter', () => {
    const { groups, questions } = readTemplate(TEMPLATE);
    expect(groups.map(({ name, placement }) => [name, placement])).toMatchObject([
      ['app', { path: ['resources', 'group', 'properties', 'template', 'resources', 0] }],
    ]);
    const env = ['LOG_FORMAT=json', 'LOG_LEVEL=info', 'CONFIG=bGluZTEKbGluZTI=', 'KEY=.*'];
    expect(
      groups[0]?.containers.map((one) => [one.name, one.image, one.command, one.env]),
    ).toMatchObject(
      ['side0', 'side1'].map((name) => [
        name,
        'example.org/app:3.0',
        ['run', 'fallback'],
        env.map((pattern) => ({ pattern })),
      ]),
    );
    expect(
      questions.map(({ variable, container, parameters }) => [variable, container, parameters]),
    ).toEqual([
      ['KEY', 'side0', ['key']],
      ['KEY', 'side1', ['key']],
    ]);
  });

  it('needs no question once the parameters are given', () => {
    const parameters = {
      key: { value: 'k' },
      settings: { value: { name: 'MODE', value: 'fast' } },
      tags: { value: ['1', '2'] },
      extra: { value: {} },
    };
    const { groups, questions } = readTemplate(TEMPLATE, { parameters });
    expect(questions).toEqual([]);
    expect(groups[0]?.containers[1]?.env.map(({ pattern }) => pattern)).toEqual([
      'CONFIG=bGluZTEKbGluZTI=',
      'MODE=fast',
      'KEY=k',
    ]);
  });
});
