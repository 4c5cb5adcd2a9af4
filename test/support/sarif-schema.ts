/**
 * The part of the SARIF 2.1.0 schema (OASIS, section 3) that podseal prints: names, types and required members as the
 * standard has them. Stricter in one way: members that are not listed are errors, so that a misspelt one is found.
 */
const message = object({ text: { type: 'string', minLength: 1 } }, ['text']);
const level = { enum: ['none', 'note', 'warning', 'error'] };
const propertyBag = {
  type: 'object',
  properties: { tags: { type: 'array', uniqueItems: true, items: { type: 'string' } } },
};

const reportingDescriptor = object(
  {
    id: { type: 'string' },
    shortDescription: message,
    help: message,
    defaultConfiguration: object({ level }),
    properties: propertyBag,
  },
  ['id'],
);

const region = object({
  startLine: { type: 'integer', minimum: 1 },
  startColumn: { type: 'integer', minimum: 1 },
});

const location = object({
  physicalLocation: object({
    artifactLocation: object({ uri: { type: 'string', format: 'uri-reference' } }),
    region,
  }),
  logicalLocations: {
    type: 'array',
    items: object({ fullyQualifiedName: { type: 'string' } }),
  },
});

const result = object(
  {
    ruleId: { type: 'string' },
    ruleIndex: { type: 'integer', minimum: -1 },
    level,
    message,
    locations: { type: 'array', items: location },
    partialFingerprints: { type: 'object', additionalProperties: { type: 'string' } },
    properties: propertyBag,
  },
  ['message'],
);

const driver = object(
  {
    name: { type: 'string' },
    version: { type: 'string' },
    rules: { type: 'array', uniqueItems: true, items: reportingDescriptor },
  },
  ['name'],
);

const run = object(
  {
    tool: object({ driver }, ['driver']),
    columnKind: { enum: ['utf16CodeUnits', 'unicodeCodePoints'] },
    results: { type: 'array', items: result },
  },
  ['tool'],
);

export const SARIF_SCHEMA = object(
  {
    $schema: { type: 'string', format: 'uri' },
    version: { enum: ['2.1.0'] },
    runs: { type: 'array', items: run },
  },
  ['version', 'runs'],
);

function object(properties: object, required: readonly string[] = []) {
  return { type: 'object', properties, required, additionalProperties: false };
}
