/** Searches the folder of a run: all outputs for all secrets. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { needlesOf } from './needles.js';
import { type KeptSecret, OUTPUT_PREFIX, RECORD_MARK, SECRETS_PREFIX } from './record.js';
import { openSearch } from './search.js';

export interface Verdict {
  readonly secrets: number;
  readonly outputs: number;
  readonly bytes: number;
  /** One line for each secret that was found: which, in what form, in whose output. Never the secret itself. */
  readonly leaks: readonly string[];
}

/** What no output of a program may hold, whoever made it: keys of the program's own making are not known to tests. */
const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['a private key in PEM', /-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----/],
  ['a private member of a JWK', /\\*"(?:d|p|q|dp|dq|qi|k)\\*"\s*:\s*\\*"[A-Za-z0-9_-]{20}/],
  ['a bearer token', /\bBearer [A-Za-z0-9._~+/-]{20}/],
  ['a signed token', /\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{2,}\.[A-Za-z0-9_-]{20}/],
];

/** Judges a folder that record.ts filled. */
export function judgeRun(folder: string): Verdict {
  const names = readdirSync(folder).sort();
  const read = (name: string) => readFileSync(join(folder, name));
  const secrets = readSecrets(names.filter((name) => name.startsWith(SECRETS_PREFIX)).map(read));
  const search = openSearch(
    secrets.flatMap(({ value }, index) => needlesOf(Buffer.from(value, 'base64'), index)),
  );
  const files = names.filter((name) => name.startsWith(OUTPUT_PREFIX)).map(read);
  const leaks = new Map<string, string>();
  let outputs = 0;
  for (const record of files.flatMap(recordsOf)) {
    outputs += 1;
    for (const { needle, at } of search(record)) {
      const { label } = secrets[needle.secret]!;
      const owner = ownerOf(record, at);
      const key = `${label} ${owner}`;
      if (!leaks.has(key)) leaks.set(key, `${label} as ${needle.form}, written by ${owner}`);
    }
    // Titles of tests, which the run prints, may name what is refused.
    for (const [label, form] of isOfProgram(record) ? FORBIDDEN : []) {
      const at = form.exec(record.toString('latin1'))?.index;
      if (at === undefined) continue;
      const owner = ownerOf(record, at);
      leaks.set(`${label} ${owner}`, `${label}, written by ${owner}`);
    }
  }
  const bytes = files.reduce((sum, file) => sum + file.length, 0);
  return { secrets: secrets.length, outputs, bytes, leaks: [...leaks.values()] };
}

/** Each secret once. */
function readSecrets(files: readonly Buffer[]): readonly KeptSecret[] {
  const lines = files.flatMap((file) => file.toString('utf8').split('\n'));
  const kept = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as KeptSecret);
  return [...new Map(kept.map((secret) => [secret.value, secret])).values()];
}

/** The records of a file; what has no mark is one of the run itself. */
function recordsOf(file: Buffer): readonly Buffer[] {
  const records: Buffer[] = [];
  for (let start = 0; start < file.length; ) {
    const next = file.indexOf(RECORD_MARK, start + 1);
    const end = next < 0 ? file.length : next;
    records.push(file.subarray(start, end));
    start = end;
  }
  return records.filter((record) => record.toString('utf8').trim() !== '');
}

const isOfProgram = (record: Buffer) => record[0] === RECORD_MARK.charCodeAt(0);

/** Whose record it is: its first line. Where the secret stands in that line itself, an argument is the leak. */
function ownerOf(record: Buffer, at: number): string {
  if (!isOfProgram(record)) return 'the test run';
  const end = record.indexOf('\n');
  const words = record.subarray(1, end).toString('utf8').split(' ');
  return at < end ? `an argument of ${words.slice(0, 3).join(' ')}` : words.slice(0, 12).join(' ');
}
