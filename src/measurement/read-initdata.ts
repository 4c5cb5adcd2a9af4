/** Reads an initdata document (kata; spec kata-policy-rules 3.4): TOML with version, algorithm and a table of texts. */
import { parse } from 'smol-toml';
import { ToolError } from '../core/error.js';

export type InitdataAlgorithm = 'sha256' | 'sha384' | 'sha512';

export interface Initdata {
  readonly version: '0.1.0';
  readonly algorithm: InitdataAlgorithm;
  /** Keys as `policy.rego`, `aa.toml`, `cdh.toml`, in the order of the document. */
  readonly data: ReadonlyMap<string, string>;
}

const ALGORITHMS: readonly string[] = ['sha256', 'sha384', 'sha512'];

/** Parses any valid TOML that has the three members. Throws POLICY_UNREADABLE, naming `where` and the member. */
export function readInitdata(toml: Uint8Array, where: string): Initdata {
  const { version, algorithm, data } = parseToml(toml, where);
  if (version !== '0.1.0') throw unfit(where, 'version', 'the text "0.1.0"', version);
  if (typeof algorithm !== 'string' || !ALGORITHMS.includes(algorithm)) {
    throw unfit(where, 'algorithm', 'sha256, sha384 or sha512', algorithm);
  }
  if (typeof data !== 'object' || data === null || Array.isArray(data)) {
    throw unfit(where, 'data', 'a table', data);
  }
  const texts = new Map<string, string>();
  for (const [key, value] of Object.entries(data)) {
    if (typeof value !== 'string')
      throw unfit(where, `data.${JSON.stringify(key)}`, 'a text', value);
    texts.set(key, value);
  }
  return { version, algorithm: algorithm as InitdataAlgorithm, data: texts };
}

function parseToml(toml: Uint8Array, where: string): Record<string, unknown> {
  try {
    return parse(new TextDecoder('utf-8', { fatal: true }).decode(toml)) as Record<string, unknown>;
  } catch (cause) {
    const text = cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : '';
    throw new ToolError('POLICY_UNREADABLE', `the initdata is not valid TOML: ${text}`, {
      where,
      cause,
    });
  }
}

function unfit(where: string, member: string, want: string, got: unknown): ToolError {
  const shown = got === undefined ? 'nothing' : String(JSON.stringify(got)).slice(0, 100);
  return new ToolError('POLICY_UNREADABLE', `the initdata member ${member} does not fit`, {
    where,
    want,
    got: shown,
  });
}
