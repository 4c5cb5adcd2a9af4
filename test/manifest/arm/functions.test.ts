/** The functions of the template language: documented behaviour, one table per group of functions. */
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../support/arm.js';
import { thrownBy } from '../../support/failure.js';

type Row = readonly [expression: string, value: unknown];

const TABLES: Readonly<Record<string, readonly Row[]>> = {
  literals: [
    ["['it''s']", "it's"],
    ['[-5]', -5],
    ['[ true( ) ]', true],
    ['[false()]', false],
    ['[null()]', null],
    ["[Sys.ToUpper('a')]", 'A'],
  ],
  numbers: [
    ['[add(5, 3)]', 8],
    ['[sub(7, 3)]', 4],
    ['[mul(5, 3)]', 15],
    ['[div(8, 3)]', 2],
    ['[div(-8, 3)]', -2],
    ['[mod(7, 3)]', 1],
    ['[mod(-7, 3)]', -1],
    ['[min(0, 3, 2)]', 0],
    ['[max(createArray(0, 3, 2, 5, 4))]', 5],
    ["[int('4')]", 4],
    ["[int('-4')]", -4],
    ["[float('3.5')]", { float: 3.5 }],
    ['[range(5, 3)]', [5, 6, 7]],
    ['[range(5, 0)]', []],
  ],
  logic: [
    ["[and(bool('true'), bool('false'))]", false],
    ["[or(bool('true'), bool('false'))]", true],
    ["[not(bool('true'))]", false],
    ['[and(true(), true(), false())]', false],
    ['[bool(1)]', true],
    ["[bool('TRUE')]", true],
    ['[bool(0)]', false],
    ["[if(equals('a', 'a'), 'yes', 'no')]", 'yes'],
    ["[if(true(), 'yes', int('x'))]", 'yes'],
    ["[equals('a', 'A')]", false],
    ['[equals(1, 1)]', true],
    ["[equals(1, '1')]", false],
    ["[equals(createObject('a', 1, 'b', 2), createObject('b', 2, 'a', 1))]", true],
    ['[equals(createArray(1, 2), createArray(2, 1))]', false],
    ['[less(1, 2)]', true],
    ["[less('a', 'b')]", true],
    ['[lessOrEquals(2, 2)]', true],
    ['[greater(2, 2)]', false],
    ['[greaterOrEquals(2, 2)]', true],
    ["[coalesce(null(), 'x', 'y')]", 'x'],
    ['[coalesce(null(), null())]', null],
    ["[coalesce('', 'x')]", ''],
  ],
  strings: [
    ["[concat('a', 'b', 3, true())]", 'ab3True'],
    [
      "[format('{0}, {1}. Formatted number: {2:N0}', 'Hello', 'User', 8175133)]",
      'Hello, User. Formatted number: 8,175,133',
    ],
    ["[format('{{{0}}} {0:D5}|{1,6}|{1,-6}|{2:X}', 42, 'ab', 255)]", '{42} 00042|    ab|ab    |FF'],
    ["[base64('one, two, three')]", 'b25lLCB0d28sIHRocmVl'],
    ["[base64ToString('b25lLCB0d28sIHRocmVl')]", 'one, two, three'],
    ['[base64ToJson(base64(\'{"one": "a", "two": [1]}\'))]', { one: 'a', two: [1] }],
    [`[base64ToJson(base64('{''one'': ''a\\''"'', "two": "''"}'))]`, { one: `a'"`, two: "'" }],
    ["[dataUri('Hello')]", 'data:text/plain;charset=utf8;base64,SGVsbG8='],
    ["[dataUriToString('data:;base64,SGVsbG8sIFdvcmxkIQ==')]", 'Hello, World!'],
    ["[endsWith('abcdef', 'EF')]", true],
    ["[startsWith('abcdef', 'AB')]", true],
    ["[startsWith('abcdef', 'e')]", false],
    ["[indexOf('test', 't')]", 0],
    ["[indexOf('abcdef', 'CD')]", 2],
    ["[indexOf('abcdef', 'z')]", -1],
    ["[lastIndexOf('test', 't')]", 3],
    ["[indexOf(createArray('a', 'b'), 'b')]", 1],
    ["[join(createArray('one', 2, 'three'), ';')]", 'one;2;three'],
    ["[padLeft('123', 10, '0')]", '0000000123'],
    ['[padLeft(12, 4)]', '  12'],
    ["[replace('123-123-1234', '-', '')]", '1231231234'],
    ["[replace('aXa', 'x', 'y')]", 'aXa'],
    ["[split('one,two,three', ',')]", ['one', 'two', 'three']],
    ["[split('one;two,three', createArray(',', ';'))]", ['one', 'two', 'three']],
    ["[split('a.b', '.')]", ['a', 'b']],
    ['[string(5)]', '5'],
    ['[string(true())]', 'True'],
    ['[toLower(string(true()))]', 'true'],
    [
      "[string(createObject('valueA', 10, 'valueB', 'Example Text'))]",
      '{"valueA":10,"valueB":"Example Text"}',
    ],
    ["[string(createArray('a', 'b', null(), false()))]", '["a","b",null,false]'],
    ["[substring('one two three', 4, 3)]", 'two'],
    ["[substring('abc', 1)]", 'bc'],
    ["[toLower('One Two Three')]", 'one two three'],
    ["[toUpper('One Two Three')]", 'ONE TWO THREE'],
    ["[trim('    one two three   ')]", 'one two three'],
    [
      "[uri('http://contoso.com/resources/', 'nested/azuredeploy.json')]",
      'http://contoso.com/resources/nested/azuredeploy.json',
    ],
    [
      "[uri('http://contoso.org/firstpath/azuredeploy.json', 'myscript.sh')]",
      'http://contoso.org/firstpath/myscript.sh',
    ],
    [
      "[uriComponent('http://contoso.com/resources/nested/azuredeploy.json')]",
      'http%3A%2F%2Fcontoso.com%2Fresources%2Fnested%2Fazuredeploy.json',
    ],
    ["[uriComponentToString('http%3A%2F%2Fcontoso.com')]", 'http://contoso.com'],
    ['[json(\'{"a": 1.5, "b": 12345678901234567890}\').a]', { float: 1.5 }],
    ["[json('null')]", null],
  ],
  collections: [
    ["[array('a')]", ['a']],
    ['[array(createArray(1))]', [1]],
    ['[concat(createArray(1), createArray(2, 3))]', [1, 2, 3]],
    ["[contains('OneTwoThree', 'two')]", false],
    ["[contains('OneTwoThree', 'Two')]", true],
    ["[contains(createObject('one', 'a'), 'ONE')]", true],
    ["[contains(createArray('one', 'two'), 'two')]", true],
    ['[empty(createArray())]', true],
    ["[empty('')]", true],
    ['[empty(null())]', true],
    ["[empty(json('{}'))]", true],
    ["[first(createArray('one', 'two'))]", 'one'],
    ["[first('One Two')]", 'O'],
    ["[last('One Two')]", 'o'],
    ['[last(createArray(1, 2))]', 2],
    ['[intersection(createArray(1, 2, 3), createArray(3, 2))]', [2, 3]],
    [
      "[intersection(createObject('one', 'a', 'two', 'b'), createObject('one', 'a', 'two', 'z'))]",
      { one: 'a' },
    ],
    ["[length('One Two Three')]", 13],
    ["[length(createObject('a', 1))]", 1],
    ["[skip(createArray('one', 'two', 'three'), 2)]", ['three']],
    ["[skip('one two three', 4)]", 'two three'],
    ["[take('one two three', 2)]", 'on'],
    ['[take(createArray(1, 2), 5)]', [1, 2]],
    ['[take(createArray(1, 2), -5)]', []],
    ['[union(createArray(1, 2, 3), createArray(3, 4))]', [1, 2, 3, 4]],
    [
      "[union(createObject('a', createObject('x', 1)), createObject('a', createObject('y', 2), 'b', 3))]",
      { a: { x: 1, y: 2 }, b: 3 },
    ],
    [
      "[shallowMerge(createArray(createObject('a', createObject('x', 1)), createObject('a', createObject('y', 2))))]",
      { a: { y: 2 } },
    ],
    [
      "[items(createObject('b', 1, 'a', 2))]",
      [
        { key: 'a', value: 2 },
        { key: 'b', value: 1 },
      ],
    ],
    ["[objectKeys(createObject('b', 1, 'a', 2))]", ['a', 'b']],
    ["[objectKeys(createObject('a_b', 1, 'ab', 2, 'A1', 3, 'é', 4))]", ['A1', 'ab', 'a_b', 'é']],
    ["[tryGet(createObject('a', createArray(1, 2)), 'a', 1)]", 2],
    ["[tryGet(createObject('a', 1), 'b')]", null],
    ['[indexFromEnd(createArray(1, 2, 3), 1)]', 3],
    ['[tryIndexFromEnd(createArray(1, 2, 3), 9)]', null],
    ['[flatten(createArray(createArray(1), createArray(2, createArray(3))))]', [1, 2, [3]]],
  ],
  lambdas: [
    ["[map(range(0, 3), lambda('i', mul(lambdaVariables('i'), 2)))]", [0, 2, 4]],
    [
      "[map(createArray('a', 'b'), lambda('x', 'i', concat(lambdaVariables('x'), lambdaVariables('i'))))]",
      ['a0', 'b1'],
    ],
    ["[filter(range(0, 6), lambda('i', equals(mod(lambdaVariables('i'), 2), 0)))]", [0, 2, 4]],
    [
      "[reduce(createArray(1, 2, 3), 0, lambda('cur', 'next', add(lambdaVariables('cur'), lambdaVariables('next'))))]",
      6,
    ],
    [
      "[sort(createArray(8, 3, 10), lambda('l', 'r', less(lambdaVariables('l'), lambdaVariables('r'))))]",
      [3, 8, 10],
    ],
    [
      "[toObject(createArray('a', 'b'), lambda('x', lambdaVariables('x')), lambda('x', toUpper(lambdaVariables('x'))))]",
      { a: 'A', b: 'B' },
    ],
    [
      "[groupBy(createArray('foo', 'bar', 'baz'), lambda('x', substring(lambdaVariables('x'), 0, 1)))]",
      { f: ['foo'], b: ['bar', 'baz'] },
    ],
    [
      "[mapValues(createObject('a', 1, 'b', 2), lambda('v', add(lambdaVariables('v'), 1)))]",
      { a: 2, b: 3 },
    ],
  ],
  access: [
    ["[createObject('a', createObject('b', 7)).a.b]", 7],
    ["[createObject('Name', 7)['name']]", 7],
    ['[createArray(1, 2)[1]]', 2],
    ["[createObject('a', 1).?b]", null],
    ['[null().?b]', null],
    ['[createArray(1)[?5]]', null],
    ["[createObject('a', createArray(createObject('b', 3))).a[0].b]", 3],
  ],
  // uniqueString: the tests of Azure/terraform-provider-azapi (unique_string) and of
  // microsoft/commercial-marketplace-offer-deploy (the evaluator of Resource Manager). guid: uuid5 of Python in the
  // namespace 11fb06fb-712d-4ddd-98c7-e71bbd588830.
  hashes: [
    [
      "[uniqueString('/subscriptions/00000000-0000-0000-0000-000000000000', 'resource-id')]",
      'cwvxuqg24sifi',
    ],
    [
      "[UNIQUESTRING('/subscriptions/31e9f9a0-9fd2-4294-a0a3-0101246d9700/resourceGroups/rg-modm201-20230913120256/providers/Microsoft.Compute/virtualMachines/bobjacmodm201')]",
      'yvjxno3je5on2',
    ],
    ["[guid('a')]", '3703365d-5a9f-59b4-bca7-b9681389e4c1'],
    ["[guid('a', 'b')]", '2d796349-8c7e-55ec-9624-54ece82ed031'],
    ["[guid('', 'Zoë/中')]", '770511db-a39a-5626-8245-9d11a5daa9e3'],
    ["[equals(guid('a', 'b'), guid('a-b'))]", true],
  ],
  resources: [
    ["[tenantResourceId('Microsoft.X/a/b', 'n1', 'n2')]", '/providers/Microsoft.X/a/n1/b/n2'],
    ["[extensionResourceId('/s', 'Microsoft.X/a', 'n')]", '/s/providers/Microsoft.X/a/n'],
  ],
};

describe.each(Object.entries(TABLES))('%s', (_name, rows) => {
  it.each(rows)('%s', (expression, value) => {
    expect(evaluate(expression)).toEqual(value);
  });
});

describe('what is known at deployment only', () => {
  it.each([
    ['[resourceGroup().location]', 'resourceGroup() is known at deployment only'],
    ["[concat('a', subscription().subscriptionId)]", 'subscription() is known at deployment only'],
    ["[resourceId('Microsoft.X/a', 'n')]", 'resourceId() is known at deployment only'],
    ["[reference('x').y[0]]", 'reference() is known at deployment only'],
    ["[listKeys('x', '2020-01-01').keys[0].value]", 'listKeys() is known at deployment only'],
    ['[newGuid()]', 'newGuid() is known at deployment only'],
    ["[uniqueString('a', newGuid())]", 'newGuid() is known at deployment only'],
    ["[guid(subscription().id, 'a')]", 'subscription() is known at deployment only'],
    ['[toUpper(deployment().name)]', 'deployment() is known at deployment only'],
    ["[if(equals(environment().name, 'x'), 1, 2)]", 'environment() is known at deployment only'],
    ['[string(createArray(utcNow()))]', 'utcNow() is known at deployment only'],
    [
      "[union(createArray(createObject('v', newGuid())), createArray(createObject('v', 1)))]",
      'newGuid() is known at deployment only',
    ],
    ['[union(createArray(newGuid()), createArray(1))]', 'newGuid() is known at deployment only'],
    ["[less('a-b', 'ab')]", 'the order of the strings in less() is not documented'],
  ])('%s', (expression, reason) => {
    expect(evaluate(expression)).toEqual({ unknown: [reason] });
  });

  it.each<Row>([
    ["[and(false(), equals(newGuid(), 'a'))]", false],
    ["[or(equals(newGuid(), 'a'), true())]", true],
    ['[length(createArray(newGuid(), 1))]', 2],
    ["[createObject('a', newGuid(), 'b', 2).b]", 2],
    ["[union(createObject('a', newGuid()), createObject('b', 2)).b]", 2],
    [
      "[union(createArray(createObject('n', 'x', 'v', newGuid())), createArray(createObject('n', 'y')))[1].n]",
      'y',
    ],
    [
      "[union(createArray(createObject('n', 'x', 'v', newGuid())), createArray(createObject('n', 'y', 'v', 1)))[1].v]",
      1,
    ],
    ['[skip(createArray(newGuid(), 1), 1)]', [1]],
    ["[if(true(), 'a', newGuid())]", 'a'],
    ['[empty(createArray(newGuid()))]', false],
  ])('does not hide what is known: %s', (expression, value) => {
    expect(evaluate(expression)).toEqual(value);
  });
});

describe('errors', () => {
  it.each([
    ["[nothing('a')]", 'there is no function nothing'],
    ['[add(1)]', 'add(): the number of arguments is wrong'],
    ["[add(1, 'a')]", 'add(): argument 2 has the wrong type'],
    ["[guid('a', 1)]", 'guid(): argument 2 has the wrong type'],
    ['[uniqueString()]', 'uniqueString(): the number of arguments is wrong'],
    ['[div(1, 0)]', 'div(): a number is divided by zero'],
    ['[add(9223372036854775807, 1)]', 'add(): the result does not fit into 64 bits'],
    ["[int('x')]", 'int(): argument 1 is no int'],
    ["[bool('yes')]", 'bool(): argument 1 is no bool'],
    ["[substring('abc', 2, 5)]", 'substring(): the part is not within the string'],
    ["[format('{1}', 'a')]", 'format(): the format asks for value 1'],
    ["[format('{', 'a')]", 'format(): the format has a brace'],
    ["[format('{0:C}', 1)]", 'format(): the format has a specifier'],
    ["[base64ToString('!')]", 'base64ToString(): argument 1 is not base64'],
    ["[json('{')]", 'json(): argument 1 is not valid JSON'],
    ["[createObject('a')]", 'createObject(): a key has no value'],
    ["[createObject('a', 1).b]", 'there is no property b'],
    ['[createArray(1)[3]]', 'an index is out of range'],
    ["['a'.b]", 'a property or element does not fit'],
    ['[null().b]', 'there is no property b'],
    ['[range(0, 10001)]', 'range(): argument 2 is out of range'],
    ["[toUpper(int('x'))]", 'int(): argument 1 is no int'],
    ["[if('x', 1, 2)]", 'if(): argument 1 has the wrong type'],
    ["[lambda('x', 1)]", 'lambda(): a lambda stands where'],
    ["[map(createArray(1), 'x')]", 'map(): an argument is no lambda'],
    ["[filter(createArray(1), lambda('x', 5))]", 'filter(): a lambda gives the wrong type'],
    ["[lambdaVariables('x')]", 'lambdaVariables(): there is no lambda variable x'],
    ['[copyIndex()]', 'copyIndex(): there is no loop of a resource around'],
    ["[parameters('x')]", 'parameters(): there is no parameter x'],
    ["[variables('x')]", 'variables(): there is no variable x'],
    ['[a.b()]', 'there is no function a.b'],
    ["[fail('no')]", 'fail(): the template refuses to be deployed'],
    ["[tenantResourceId('Microsoft.X/a', 'n1', 'n2')]", 'tenantResourceId(): the resource type'],
    ["[padLeft('a', 5, 'xy')]", 'padLeft(): argument 3 is not one character'],
    ['[string(null())]', 'string(): argument 1 has the wrong type'],
    ["[concat('a', createArray())]", 'concat(): argument 2 has the wrong type'],
  ])('%s', (expression, message) => {
    const error = thrownBy(() => evaluate(expression));
    expect(error).toMatchObject({ code: 'ARM_EXPRESSION' });
    expect(error.message).toContain(`${expression}: ${message}`);
    expect(error.where).toMatch(/^t\.json:\d+:\d+ x$/);
  });
});
