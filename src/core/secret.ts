/**
 * Finds secrets in texts that should not hold any, and hides them. The forms are those that their issuers document;
 * where there is no form, the name of the variable or option has to say what the value is. Meant to have few false
 * alarms: a hit is told by its kind, its text is never part of a message.
 */

/** A secret in a text: UTF-16 offsets, end exclusive. */
export interface SecretMatch {
  /** E.g. `JSON web token`. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

interface Detector {
  readonly kind: string;
  /** Global, with indices; the group `secret` is what has to be hidden, else the whole match. */
  readonly expression: RegExp;
  readonly accept?: (secret: string) => boolean;
}

const DETECTORS: readonly Detector[] = [
  {
    kind: 'private key',
    expression:
      /-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[\s\S]){0,20000}(?:-----END [A-Z0-9 ]{0,60}-----)?/dg,
  },
  {
    // Base64 of `-----BEGIN ` and what follows it.
    kind: 'private key (base64)',
    expression: /LS0tLS1CRUdJTi[A-Za-z0-9+/=]{20,30000}/dg,
    accept: (secret) =>
      /PRIVATE KEY/.test(Buffer.from(secret.slice(0, 120), 'base64').toString('latin1')),
  },
  {
    kind: 'JSON web token',
    expression:
      /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{2,20000}\.[A-Za-z0-9_-]{16,4000}/dg,
    accept: isSignedToken,
  },
  {
    kind: 'Azure storage key',
    expression: /\bAccountKey=(?<secret>[A-Za-z0-9+/]{86}==)/dg,
  },
  {
    kind: 'Azure shared access key',
    expression: /\bSharedAccessKey=(?<secret>[A-Za-z0-9+/]{42,86}={1,2})/dg,
  },
  {
    kind: 'Azure shared access signature',
    expression: /[?&]s(?:v|e|p|r)=[^\s"']{1,200}?&sig=(?<secret>[A-Za-z0-9%+/]{40,120})/dg,
  },
  {
    kind: 'Azure client secret',
    expression:
      /(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~.-])/dg,
  },
  { kind: 'AWS access key', expression: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g },
  {
    kind: 'GitHub token',
    expression: /\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{60,255})\b/g,
  },
  { kind: 'GitLab token', expression: /\bglpat-[A-Za-z0-9_-]{20,64}/g },
  { kind: 'Slack token', expression: /\bxox[abeoprs]-[A-Za-z0-9-]{10,200}/g },
  { kind: 'Stripe key', expression: /\b[rs]k_live_[A-Za-z0-9]{16,200}\b/g },
  { kind: 'Google API key', expression: /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/g },
  { kind: 'npm token', expression: /\bnpm_[A-Za-z0-9]{36}\b/g },
  {
    kind: 'password in a URL',
    expression:
      /\b[a-z][a-z0-9+.-]{1,30}:\/\/[^\s:/?#@"']{0,200}:(?<secret>[^\s/?#@"']{1,500})@[^\s"']/dgi,
    accept: isLiteral,
  },
  {
    kind: 'password in a connection string',
    expression:
      /(?:^|[;,\s"'])(?:password|pwd)\s{0,4}=\s{0,4}(?<secret>[^;\s"']{3,500})(?=;|$|["'])/dgim,
    accept: isPassword,
  },
  {
    kind: 'password in a command line',
    expression:
      /(?:^|[\s"'&;,|^])-{0,2}[A-Za-z0-9_-]{0,40}passw(?:or)?d=["']?(?<secret>[^\s"'&;|]{4,2000})/dgi,
    accept: isPassword,
  },
  {
    kind: 'secret in a command line',
    expression:
      /(?:^|[\s"'&;,|^])-{0,2}[A-Za-z0-9_-]{0,40}(?:secret|token|(?:api|access|account)[-_]?key)=["']?(?<secret>[^\s"'&;|]{16,2000})/dgi,
    accept: isRandom,
  },
];

/** Words that make the value of a name a password: any literal value counts. */
const PASSWORD_NAME = /passw(?:or)?d|passphrase|(?:^|[_.-])(?:pwd|pass)(?:$|[_.-])/i;
/** Words that make a value a secret if it looks random. */
const SECRET_NAME =
  /secret|token|credential|api[_.-]?key|access[_.-]?key|account[_.-]?key|private[_.-]?key|signing[_.-]?key|encryption[_.-]?key|auth[_.-]?key|shared[_.-]?key|connection[_.-]?string|(?:^|[_.-])sas(?:$|[_.-])/i;
/** What a name of the kinds above ends with when its value only tells about the secret. */
const ABOUT =
  /(?:^|[_.-])(?:file|path|dir|directory|folder|mount|name|names|id|ids|kid|url|uri|endpoint|host|port|user|username|type|kind|ttl|expiry|expiration|expires|lifetime|timeout|interval|length|size|min|max|count|enabled|disabled|required|policy|algorithm|alg|issuer|audience|provider|version|location|region|scope|ref|arn|hash(?:ed)?|field|header|prefix|suffix|format|pattern|regex|rotation|rotate|reset|public)$/i;
const NOT_A_PASSWORD =
  /^(?:true|false|yes|no|on|off|none|null|nil|undefined|disabled?|enabled?|required|prompt|stdin|file|env|[0-9]{1,3})$/i;
const RANDOM_BITS_PER_CHARACTER = 3;
const RANDOM_LENGTH = 16;
/** Longer texts are no keys; a program or a document is not random. */
const RANDOM_LENGTH_MAX = 4096;

/**
 * The secrets in a text, in order, without overlaps. `name` is that of the variable, option or key whose value the
 * text is.
 */
export function findSecrets(text: string, name = ''): readonly SecretMatch[] {
  const found = DETECTORS.flatMap((detector) => matchesOf(detector, text));
  const named = kindByName(name, text);
  if (named !== undefined) found.push({ kind: named, start: 0, end: text.length });
  return withoutOverlaps(found);
}

/** The text with every secret replaced by `<KIND hidden>`. */
export function hideSecrets(text: string, name = ''): string {
  let result = '';
  let from = 0;
  for (const { kind, start, end } of findSecrets(text, name)) {
    result += `${text.slice(from, start)}<${kind} hidden>`;
    from = end;
  }
  return result + text.slice(from);
}

/** As hideSecrets, for `NAME=value`. */
export function hideInAssignment(text: string): string {
  const at = text.indexOf('=');
  if (at < 0) return hideSecrets(text);
  return `${text.slice(0, at)}=${hideSecrets(text.slice(at + 1), text.slice(0, at))}`;
}

/** As hideSecrets, for the words of a command: the word behind `--password` and the like is its value. */
export function hideInWords(words: readonly string[]): readonly string[] {
  return words.map((word, i) => hideSecrets(word, optionBefore(words, i)));
}

/** The name of the option whose value the word at `index` is; empty if it is none. */
export function optionBefore(words: readonly string[], index: number): string {
  const before = words[index - 1] ?? '';
  return /^--?[A-Za-z][A-Za-z0-9_-]{0,60}$/.test(before) && !words[index]?.startsWith('-')
    ? before.replace(/^-+/, '')
    : '';
}

function matchesOf({ kind, expression, accept }: Detector, text: string): SecretMatch[] {
  return [...text.matchAll(expression)].flatMap((match) => {
    const whole = [match.index, match.index + match[0].length] as const;
    const [start, end] = match.indices?.groups?.secret ?? whole;
    if (accept !== undefined && !accept(text.slice(start, end))) return [];
    return [{ kind, start, end }];
  });
}

/** By place; of two that overlap the one that starts first, and of those the longest. */
function withoutOverlaps(matches: readonly SecretMatch[]): readonly SecretMatch[] {
  const ordered = matches.toSorted((a, b) => a.start - b.start || b.end - a.end);
  const kept: SecretMatch[] = [];
  for (const match of ordered) {
    if (match.start >= (kept.at(-1)?.end ?? 0)) kept.push(match);
  }
  return kept;
}

function kindByName(name: string, value: string): string | undefined {
  const words = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2');
  if (ABOUT.test(words)) return undefined;
  if (PASSWORD_NAME.test(words)) return isPassword(value) ? 'password' : undefined;
  return SECRET_NAME.test(words) && isRandom(value) ? 'secret' : undefined;
}

/** Neither a reference to something else nor a placeholder. */
function isLiteral(value: string): boolean {
  return value !== '' && !/^[$<{%*]|\$\(|\$\{/.test(value);
}

function isPassword(value: string): boolean {
  if (!isLiteral(value) || value.length < 4 || NOT_A_PASSWORD.test(value)) return false;
  return !/^\.{0,2}\/|^[a-z][a-z0-9+.-]*:\/\/|\s/i.test(value);
}

/** Long, without blanks, no path, address or plain word, and many different characters. */
function isRandom(value: string): boolean {
  if (!isPassword(value)) return false;
  if (value.length < RANDOM_LENGTH || value.length > RANDOM_LENGTH_MAX) return false;
  // Patterns, lists and code have brackets; keys do not.
  if (/[[\](){}<>|*\\]/.test(value)) return false;
  const classes = [/[a-z]/, /[A-Z]/, /[0-9]/].filter((one) => one.test(value)).length;
  if (classes < 2 || /^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?(?:\/|$)/i.test(value)) return false;
  return entropyOf(value) >= RANDOM_BITS_PER_CHARACTER;
}

/** Shannon entropy in bits per character. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => {
    const share = count / text.length;
    return sum - share * Math.log2(share);
  }, 0);
}

/** The header of a JSON web token names its algorithm. */
function isSignedToken(token: string): boolean {
  const header = Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('latin1');
  return /^\{.*"alg"\s*:\s*"/s.test(header);
}

/**
 * Variables whose values are secrets by what a manifest says, whatever they look like: name of a container -> name of a
 * variable -> where its value comes from, e.g. `Secret/db`.
 */
export type SecretVariables = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Names for values that are never shown: the same for the same value, so that one can tell that it changed. */
export function secretNamer(): (value: string) => string {
  const names = new Map<string, string>();
  return (value) => {
    const name = names.get(value) ?? `(secret ${names.size + 1})`;
    names.set(value, name);
    return name;
  };
}
