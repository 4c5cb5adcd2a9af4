/**
 * What a text of a policy document permits, by the placeholders in it (spec kata-policy-data 7.4, kata-policy-rules 8.3).
 */

/** `fixed`: exactly this text; `pattern`: texts of a form, or known only when the pod runs; `any`: every text. */
export type Freedom = 'fixed' | 'pattern' | 'any';

export interface ValueMeaning {
  readonly freedom: Freedom;
  /** For people: what may stand there. Absent for a fixed text. */
  readonly words?: string;
}

interface PlaceholderRow {
  readonly name: string;
  readonly freedom: Freedom;
  readonly words: string;
  /** The whole value has to be the placeholder; elsewhere it is a text like any other. */
  readonly alone?: boolean;
}

/** The wider ones first: of several in one value the first decides. */
const PLACEHOLDERS: readonly PlaceholderRow[] = [
  { name: 'node-name', freedom: 'any', words: 'any text (name of the node)' },
  { name: 'host-name', freedom: 'any', words: 'any text (host name of the pod)' },
  { name: 'pod-uid', freedom: 'any', words: 'any text (UID of the pod)' },
  { name: 'resource-field', freedom: 'any', words: 'any text (resource field)' },
  { name: 'todo-annotation', freedom: 'any', words: 'any text (annotation of the pod)' },
  {
    name: 'validate-from-settings',
    freedom: 'pattern',
    words: 'texts that match the pattern of the settings',
    alone: true,
  },
  { name: 'pod-ip', freedom: 'pattern', words: 'any IPv4 address (of the pod)', alone: true },
  { name: 'host-ip', freedom: 'pattern', words: 'any IPv4 address (of the node)', alone: true },
  { name: 'sandbox-name', freedom: 'pattern', words: 'with the name of the pod' },
  { name: 'sandbox-namespace', freedom: 'pattern', words: 'with the namespace of the pod' },
];

/** What may stand in place of the value of an environment variable. */
export function meaningOfValue(value: string): ValueMeaning {
  const row = PLACEHOLDERS.find(({ name, alone }) =>
    alone === true ? value === `$(${name})` : value.includes(`$(${name})`),
  );
  return row === undefined ? { freedom: 'fixed' } : { freedom: row.freedom, words: row.words };
}

/** What may stand in place of an argument: only the node's name frees it. */
export function meaningOfArgument(text: string): ValueMeaning {
  if (text.includes('$(node-name)'))
    return { freedom: 'any', words: 'any text (name of the node)' };
  if (!text.includes('$(sandbox-name)')) return { freedom: 'fixed' };
  return { freedom: 'pattern', words: 'with the name of the pod' };
}

/** Name and value of `NAME=value`; a text without `=` is a name alone. */
export function splitVariable(text: string): { readonly name: string; readonly value?: string } {
  const at = text.indexOf('=');
  return at < 0 ? { name: text } : { name: text.slice(0, at), value: text.slice(at + 1) };
}
