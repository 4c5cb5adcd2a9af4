/** Text of a fragment as the guest takes it (spec aci-framework 10.3 and 10.6): its namespace and its parameters. */
import type { JsonObject, JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { recordOf } from '../../core/record.js';
import {
  evaluateTerm,
  parseRegoModule,
  plainStatements,
  type RegoTerm,
} from '../../core/rego-module.js';

/** A namespace, or the guest's text why there is none. */
export type NamespaceReading =
  | { readonly kind: 'namespace'; readonly namespace: string }
  | { readonly kind: 'refused'; readonly reason: string };

const FIRST_LINE = /^package +([a-zA-Z_][a-zA-Z0-9_]*)[\t\n\f\r ]*$/;
const RESERVED: readonly string[] = ['framework', 'api', 'policy', 'metadata'];

/** The namespace that the first line of a fragment names. */
export function readNamespace(text: string): NamespaceReading {
  const [line = ''] = text.split('\n', 1);
  if (line === '') return refused('Fragment Rego is empty');
  const namespace = FIRST_LINE.exec(line)?.[1];
  if (namespace === undefined) {
    return refused(`valid package definition required on first line, got ${JSON.stringify(line)}`);
  }
  if (RESERVED.includes(namespace)) {
    return refused(`namespace "${namespace}" is reserved and cannot be used for fragments`);
  }
  return { kind: 'namespace', namespace };
}

function refused(reason: string): NamespaceReading {
  return { kind: 'refused', reason };
}

/** Values of a fragment that is constants and parameters only; undefined for any other text. */
export function plainFragment(text: string, parameters: JsonObject): JsonObject | undefined {
  let terms: ReturnType<typeof plainStatements>;
  try {
    terms = plainStatements(parseRegoModule(text, 'fragment'));
  } catch {
    return undefined;
  }
  if ('problem' in terms) return undefined;
  const known = terms.get('parameters_api');
  const api = known === undefined ? {} : evaluateTerm(known, () => undefined);
  const values: (readonly [string, JsonValue])[] = [];
  for (const [name, term] of terms) {
    if (hasReference(term)) return undefined;
    const value = evaluateTerm(term, (leaf) =>
      leaf.kind === 'parameter' ? parameterOf(leaf, parameters, api) : undefined,
    );
    if (value !== undefined) values.push([name, value]);
  }
  return recordOf(values);
}

function hasReference(term: RegoTerm): boolean {
  if (term.kind === 'array') return term.items.some(hasReference);
  if (term.kind === 'object') return term.members.some(([, inner]) => hasReference(inner));
  return term.kind === 'reference';
}

/** The given value, else the default, else undefined. */
function parameterOf(
  { name, path }: { readonly name: string; readonly path: readonly string[] },
  parameters: JsonObject,
  api: JsonValue | undefined,
): JsonValue | undefined {
  const declared = isJsonObject(api) ? api[name] : undefined;
  const fallback = isJsonObject(declared) ? declared.default : undefined;
  const start = Object.hasOwn(parameters, name) ? parameters[name] : fallback;
  return path.reduce<JsonValue | undefined>(
    (value, field) => (isJsonObject(value) ? value[field] : undefined),
    start,
  );
}

/** The text with the definitions behind it through which it reads its parameters; its own lines keep their numbers. */
export function withParameters(text: string, parameters: JsonObject): string {
  const api = definesParametersApi(text) ? 'parameters_api' : '{}';
  return [
    text,
    `__fragment_parameters := ${JSON.stringify(parameters)}`,
    `__fragment_parameters_metadata := ${api}`,
    'parameter(name) := value if {',
    '  value := __fragment_parameters[name]',
    '} else := value if {',
    '  value := __fragment_parameters_metadata[name]["default"]',
    '}',
  ].join('\n');
}

function definesParametersApi(text: string): boolean {
  try {
    return parseRegoModule(text, 'fragment').statements.some(
      ({ name }) => name === 'parameters_api',
    );
  } catch {
    return false;
  }
}
