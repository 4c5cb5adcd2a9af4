/**
 * Rules of a policy text -> what they answer to each request as far as it shows without evaluating them (spec
 * kata-policy-rules section 6), and which rules they are (section 1).
 */
import { type Sha256Hex, sha256Hex } from '../../core/digest.js';
import { ToolError } from '../../core/error.js';
import type { RegoToken } from '../../core/rego-tokens.js';

/** Every query that an agent asks, in the order in which reviews list them. */
export const QUERIES = [
  'AllowRequestsFailingPolicy',
  'SetPolicyRequest',
  'CreateSandboxRequest',
  'CreateContainerRequest',
  'ExecProcessRequest',
  'CopyFileRequest',
  'ReadStreamRequest',
  'WriteStreamRequest',
  'CloseStdinRequest',
  'UpdateEphemeralMountsRequest',
  'GetDiagnosticDataRequest',
  'UpdateInterfaceRequest',
  'UpdateRoutesRequest',
  'AddARPNeighborsRequest',
  'ListInterfacesRequest',
  'ListRoutesRequest',
  'GetIPTablesRequest',
  'SetIPTablesRequest',
  'GetMetricsRequest',
  'GetOOMEventRequest',
  'GuestDetailsRequest',
  'AddSwapRequest',
  'AddSwapPathRequest',
  'MemAgentCompactConfig',
  'MemAgentMemcgConfig',
  'MemHotplugByProbeRequest',
  'OnlineCPUMemRequest',
  'PauseContainerRequest',
  'ResumeContainerRequest',
  'ReseedRandomDevRequest',
  'ResizeVolumeRequest',
  'VolumeStatsRequest',
  'SetGuestDateTimeRequest',
  'StartContainerRequest',
  'StatsContainerRequest',
  'SignalProcessRequest',
  'WaitProcessRequest',
  'RemoveContainerRequest',
  'UpdateContainerRequest',
  'TtyWinResizeRequest',
  'RemoveStaleVirtiofsShareMountsRequest',
  'DestroySandboxRequest',
  'StartTracingRequest',
  'StopTracingRequest',
] as const;
export type Query = (typeof QUERIES)[number];

/**
 * `allowed`: always, whatever the request holds; `denied`: no rule allows it; `checked`: rules look into it; `none`: the
 * rules do not mention it, which the agent takes as an error.
 */
export type RuleAnswer = 'allowed' | 'denied' | 'checked' | 'none';

export interface KataRules {
  /** The content of the rules file. */
  readonly text: string;
  readonly sha256: Sha256Hex;
  readonly answers: Readonly<Record<Query, RuleAnswer>>;
}

/** What may stand behind a head that holds for every request. */
const HARMLESS: ReadonlySet<string> = new Set([':=', '=', 'if', '{', 'true', '}']);

interface Heads {
  byDefault: boolean;
  isUnconditional: boolean;
  hasRules: boolean;
}

/** What the rules say, from their text and its tokens. */
export function readRules(text: string, tokens: readonly RegoToken[]): KataRules {
  const heads = new Map<string, Heads>();
  for (const [i, token] of tokens.entries()) {
    if (token.kind !== 'name' || token.depth > 0) continue;
    const isDefault = tokens[i - 1]?.text === 'default';
    if (!isDefault && !token.startsLine) continue;
    const head = heads.get(token.text) ?? {
      byDefault: false,
      isUnconditional: false,
      hasRules: false,
    };
    heads.set(token.text, head);
    if (isDefault) head.byDefault ||= !isFalse(tokens.slice(i + 1, i + 3));
    else {
      head.hasRules = true;
      head.isUnconditional ||= isAlwaysTrue(tokens, i + 1);
    }
  }
  const answers = QUERIES.map((query) => [query, answerOf(heads.get(query))]);
  return {
    text,
    sha256: sha256Hex(text),
    answers: Object.fromEntries(answers) as Record<Query, RuleAnswer>,
  };
}

function answerOf(head: Heads | undefined): RuleAnswer {
  if (head === undefined) return 'none';
  if (head.byDefault || head.isUnconditional) return 'allowed';
  return head.hasRules ? 'checked' : 'denied';
}

/** `:= false`; every other default counts as an allow. */
function isFalse([operator, value]: readonly RegoToken[]): boolean {
  return (operator?.text === ':=' || operator?.text === '=') && value?.text === 'false';
}

/** True for a head followed by nothing, `:= true`, `if true`, `{ true }` and combinations of these. */
function isAlwaysTrue(tokens: readonly RegoToken[], from: number): boolean {
  for (let i = from; i < tokens.length; i += 1) {
    const token = tokens[i]!;
    if (token.startsLine && token.depth === 0 && token.text !== '}') return true;
    if (!HARMLESS.has(token.text)) return false;
  }
  return true;
}

/**
 * Throws POLICY_UNREADABLE for a file that is no rules of the kata agent: behind comments, the package must be
 * agent_policy. Whether the rest loads is for an engine to say.
 */
export function assertAgentRules(text: string, file: string): void {
  const lines = text.split('\n');
  const at = lines.findIndex((line) => !/^\s*(#|$)/.test(line));
  if (/^\s*package\s+agent_policy\s*(#|$)/.test(lines[at] ?? '')) return;
  throw new ToolError('POLICY_UNREADABLE', `${file} holds no rules of the kata agent`, {
    where: at < 0 ? file : `${file}:${at + 1}`,
    want: 'package agent_policy',
  });
}
