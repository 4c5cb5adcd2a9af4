/**
 * The security-context directory: what the platform puts beside each container (policy, UVM endorsement, certificates of
 * the host). The files may be changed by anyone in the container: they are hints, the proof is the report.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ToolError } from '../../core/error.js';
import { LIMITS } from '../../core/limits.js';

/** Base64 texts, as they stand in the files. */
export interface SecurityContext {
  /** Where it was found: a directory, or `environment`. */
  readonly origin: string;
  readonly policy?: string;
  readonly referenceInfo?: string;
  readonly hostCertificates?: string;
  /** Names of files that are not there. */
  readonly missing: readonly string[];
}

const FILES = {
  policy: 'security-policy-base64',
  referenceInfo: 'reference-info-base64',
  hostCertificates: 'host-amd-cert-base64',
} as const;
const VARIABLES = {
  policy: 'UVM_SECURITY_POLICY',
  referenceInfo: 'UVM_REFERENCE_INFO',
  hostCertificates: 'UVM_HOST_AMD_CERTIFICATE',
} as const;
type Part = keyof typeof FILES;
const PARTS = Object.keys(FILES) as readonly Part[];

const KATA = '/opt/confidential-containers/share/kata-containers';

/** Reads the context; `given` names the directory, else the platform's own places are searched. Never fails for absence. */
export async function readSecurityContext(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): Promise<SecurityContext> {
  const directory = given ?? (await findDirectory(env));
  const found = await Promise.all(
    PARTS.map(async (part) => [part, await readPart(join(directory, FILES[part]))] as const),
  );
  const files = new Map(found.filter(([, text]) => text !== undefined));
  const usesFiles = files.get('referenceInfo') !== undefined || files.size > 0;
  const texts = usesFiles
    ? files
    : new Map(PARTS.map((part) => [part, env[VARIABLES[part]] || undefined] as const));
  const present = [...texts].filter(([, text]) => text !== undefined);
  return {
    origin: usesFiles ? directory : 'environment',
    ...(Object.fromEntries(present) as Partial<Record<Part, string>>),
    missing: PARTS.filter((part) => texts.get(part) === undefined).map((part) => FILES[part]),
  };
}

async function findDirectory(env: Readonly<Record<string, string | undefined>>): Promise<string> {
  if (env.UVM_SECURITY_CONTEXT_DIR) return env.UVM_SECURITY_CONTEXT_DIR;
  const names = await readdir('/').catch(() => [] as string[]);
  const name = names.sort().find((one) => one.includes('security-context-'));
  return name === undefined ? KATA : join('/', name);
}

async function readPart(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  if (!found.isFile() || found.size > LIMITS.policyTextBytes * 2) {
    throw new ToolError('FILE_NOT_FOUND', `${path} is not a file of the security context`);
  }
  return (await readFile(path, 'utf8')).trim();
}
