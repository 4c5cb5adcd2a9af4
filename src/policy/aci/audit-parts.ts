/** Audit of what a CCE policy has beside containers: external processes, platform rules, imports of fragments. */
import { canonicalJson } from '../../core/json-equal.js';
import { secretHits } from '../review/audit-hits.js';
import { auditEnv, auditMounts, auditVariables, auditWords } from './audit-container.js';
import type { CceHit } from './audit-rules.js';
import type { CceExternalProcess, CceFragmentEntry, CcePlatformRule } from './cce-document.js';
import { INFRASTRUCTURE } from './constants.js';
import { findAciGuest } from './guests.js';

/** Hits of a process of the virtual machine: that there is one, its variables, secrets in both. */
export function auditExternalProcess(
  process: CceExternalProcess,
  index: number,
): readonly CceHit[] {
  const { command } = process;
  const path = `external_processes[${index}]`;
  const message = `the host may run ${JSON.stringify(command[0] ?? '')} in the virtual machine`;
  const hits = [...auditEnv(process), ...auditVariables(process), ...auditWords(command)];
  return [
    { id: 'external-process', message, path },
    ...within(hits, `external process ${index}`, path),
  ];
}

/** Hits of a rule that adds to every container. */
export function auditPlatformRule(
  { env_rules = [], mounts = [] }: CcePlatformRule,
  index: number,
): readonly CceHit[] {
  const hits = [
    ...auditEnv({ env_rules }),
    ...auditVariables({ env_rules }),
    ...auditMounts({ mounts }),
  ];
  return within(hits, `platform rule ${index}`, `platform_rules[${index}]`);
}

function within(hits: readonly CceHit[], part: string, path: string): readonly CceHit[] {
  return hits.map((hit) => ({ ...hit, part, path: `${path}.${hit.path ?? ''}` }));
}

/** Parts of a fragment that reach beyond its own containers. */
const FAR_PARTS: readonly string[] = ['external_processes', 'platform_rules'];

/** Hits of an import: who may add what, from which version on, and secrets among its parameters. */
export function auditFragment(entry: CceFragmentEntry, index: number): readonly CceHit[] {
  const { issuer, feed, includes, minimum_svn: minimum } = entry;
  const path = `fragments[${index}]`;
  const part = `fragment ${feed}`;
  const isPlatform = issuer === INFRASTRUCTURE.issuer;
  const hits: CceHit[] = [...auditParameters(entry)];
  if (!isPlatform) {
    const message = `fragments signed by ${issuer} may add ${includes.join(', ') || 'nothing'}`;
    const isFar = includes.some((one) => FAR_PARTS.includes(one));
    const severity = isFar ? ({ severity: 'high' } as const) : {};
    hits.push({ id: 'fragment-issuer', message, path: 'issuer', ...severity });
  }
  if (includes.includes('namespace')) {
    const message = 'the whole module of the fragment is taken into the policy';
    hits.push({ id: 'fragment-namespace', message, path: 'includes' });
  }
  const floor = isPlatform && feed === INFRASTRUCTURE.feed ? infrastructureSvn() : 1;
  const svn = Number(minimum);
  if (Number.isFinite(svn) && svn < floor) {
    const message = `minimum_svn is ${minimum}, current generators ask for ${floor}`;
    hits.push({ id: 'fragment-svn', message, path: 'minimum_svn' });
  }
  return within(hits, part, path);
}

function auditParameters({ parameters = {} }: CceFragmentEntry): readonly CceHit[] {
  return Object.entries(parameters).flatMap(([name, value]) => {
    const text = typeof value === 'string' ? value : canonicalJson(value);
    return secretHits(text, name, `parameter ${name}`, `parameters.${name}`);
  });
}

function infrastructureSvn(): number {
  return Number(findAciGuest().infrastructureSvn);
}
