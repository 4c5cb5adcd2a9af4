/**
 * What the host may ask of a guest under a policy: each request is closed, bounded by checks, or open (spec
 * kata-policy-rules sections 6, 8.2 and 11). For rules that are not known this is what their text says at first sight.
 */
import type { Severity } from '../../core/finding.js';
import type { JsonValue } from '../../core/json.js';
import { isJsonObject } from '../../core/json-equal.js';
import { hideInWords, hideSecrets } from '../../core/secret.js';
import type { ContainerData, KataPolicyData } from './data.js';
import type { KataPolicy } from './read-policy.js';
import { QUERIES, type Query } from './read-rules.js';

export type RequestState = 'open' | 'bounded' | 'closed';

export interface RequestDescription {
  readonly query: Query;
  readonly state: RequestState;
  /** By what it is bounded, or why it is open. */
  readonly details: readonly string[];
  /** How much an open request gives to the host. */
  readonly exposure: Severity;
}

interface RequestRow {
  /** What the host does with it. */
  readonly words: string;
  readonly exposure: Severity;
}

/** What an open request lets the host do. Not listed: requests that a guest cannot run without. */
export const REQUEST_ROWS: Partial<Readonly<Record<Query, RequestRow>>> = {
  AllowRequestsFailingPolicy: { words: 'do whatever the policy denies', exposure: 'critical' },
  SetPolicyRequest: { words: 'replace the policy', exposure: 'critical' },
  CreateContainerRequest: { words: 'run any container', exposure: 'critical' },
  ExecProcessRequest: { words: 'run any command in the containers', exposure: 'critical' },
  CreateSandboxRequest: { words: 'set up the sandbox in any way', exposure: 'high' },
  CopyFileRequest: { words: 'write files into the guest', exposure: 'high' },
  WriteStreamRequest: { words: 'write to the input of containers', exposure: 'high' },
  UpdateEphemeralMountsRequest: { words: 'change mounts of temporary storage', exposure: 'high' },
  GetDiagnosticDataRequest: { words: 'read diagnostic data of the guest', exposure: 'high' },
  ReseedRandomDevRequest: { words: 'feed the random number generator', exposure: 'high' },
  ReadStreamRequest: { words: 'read the output of containers', exposure: 'low' },
  SetGuestDateTimeRequest: { words: 'set the clock of the guest', exposure: 'medium' },
  SetIPTablesRequest: { words: 'replace the packet filter', exposure: 'medium' },
  UpdateContainerRequest: { words: 'change the resources of containers', exposure: 'medium' },
  AddSwapRequest: { words: 'add swap space', exposure: 'medium' },
  AddSwapPathRequest: { words: 'add swap space', exposure: 'medium' },
  StartTracingRequest: { words: 'trace the agent', exposure: 'medium' },
  ResizeVolumeRequest: { words: 'resize volumes', exposure: 'low' },
  AddARPNeighborsRequest: { words: 'set neighbours of the network', exposure: 'low' },
  UpdateInterfaceRequest: { words: 'configure network interfaces', exposure: 'info' },
  UpdateRoutesRequest: { words: 'set network routes', exposure: 'info' },
  ListInterfacesRequest: { words: 'list network interfaces', exposure: 'low' },
  ListRoutesRequest: { words: 'list network routes', exposure: 'low' },
  GetIPTablesRequest: { words: 'read the packet filter', exposure: 'low' },
  GetMetricsRequest: { words: 'read metrics of the guest', exposure: 'low' },
  VolumeStatsRequest: { words: 'read the use of volumes', exposure: 'low' },
  MemHotplugByProbeRequest: { words: 'announce new memory', exposure: 'low' },
  MemAgentCompactConfig: { words: 'configure memory compaction', exposure: 'low' },
  MemAgentMemcgConfig: { words: 'configure memory reclaim', exposure: 'low' },
  PauseContainerRequest: { words: 'pause containers', exposure: 'low' },
  ResumeContainerRequest: { words: 'resume containers', exposure: 'low' },
  CloseStdinRequest: { words: 'close the input of containers', exposure: 'low' },
  StopTracingRequest: { words: 'stop tracing', exposure: 'low' },
};

/**
 * Every request that an agent asks its policy for, with what comes of it. `isKnown`: the rules are known, so that the
 * data tells what they do.
 */
export function describeRequests(
  policy: KataPolicy,
  isKnown: boolean,
): readonly RequestDescription[] {
  const isFailureAllowed = policy.rules.answers.AllowRequestsFailingPolicy === 'allowed';
  const answers = describeAnswers(policy, isKnown);
  if (!isFailureAllowed) return answers;
  return answers.map((one) =>
    one.state === 'open'
      ? one
      : { ...one, state: 'open', details: ['what the rules deny is allowed all the same'] },
  );
}

/** Every request with what the rules say to it, whatever AllowRequestsFailingPolicy makes of that. */
export function describeAnswers(
  policy: KataPolicy,
  isKnown: boolean,
): readonly RequestDescription[] {
  return QUERIES.map((query) => ({
    query,
    exposure: REQUEST_ROWS[query]?.exposure ?? 'info',
    ...stateOf(query, policy, isKnown),
  }));
}

function stateOf(
  query: Query,
  { rules, document }: KataPolicy,
  isKnown: boolean,
): Pick<RequestDescription, 'state' | 'details'> {
  const answer = rules.answers[query];
  if (answer === 'allowed') return { state: 'open', details: ['whatever the request holds'] };
  if (answer !== 'checked') return { state: 'closed', details: [] };
  if (document === undefined) return { state: 'bounded', details: ['by the rules'] };
  const setting = defaultsOf(document.data)[query];
  if (setting === true) return { state: 'open', details: [`request_defaults.${query} is true`] };
  const bounds = setting === false ? [] : BOUNDS[query]?.(document.data);
  if (!isKnown) {
    return { state: 'bounded', details: [...(bounds ?? []), 'by rules that are not known'] };
  }
  if (bounds === undefined) return { state: 'bounded', details: ['by the rules'] };
  return { state: bounds.length === 0 ? 'closed' : 'bounded', details: bounds };
}

/** By what data a request is bounded; nothing at all closes it. */
const BOUNDS: Partial<Readonly<Record<Query, (data: KataPolicyData) => readonly string[]>>> = {
  CreateContainerRequest: (data) =>
    data.containers.length === 0 ? [] : [`the ${data.containers.length} containers of the policy`],
  CopyFileRequest: (data) =>
    textsIn(defaultsOf(data).CopyFileRequest).map((text) => `paths ${text}`),
  ExecProcessRequest: (data) => [
    ...hostCommands(data).map((command) => `any time: ${command}`),
    ...textsIn(execDefaults(data).regex).map((text) => `commands that match ${hideSecrets(text)}`),
    ...data.containers.flatMap(probeCommands).map((command) => `probe or hook: ${command}`),
  ],
};

/** Commands of probes and hooks of a container, secrets hidden. */
export function probeCommands({ exec_commands: commands }: ContainerData): readonly string[] {
  return commands.map((command: string | readonly string[]) => showCommand(command));
}

/** Commands that the host may run at any time, secrets hidden. */
export function hostCommands(data: KataPolicyData): readonly string[] {
  const { commands, allowed_commands: allowed } = execDefaults(data);
  return [commands, allowed].flatMap((list) =>
    Array.isArray(list) ? list.map((command: JsonValue) => showCommand(textsOr(command))) : [],
  );
}

/** `request_defaults.ExecProcessRequest`. */
export function execDefaults(data: KataPolicyData): Readonly<Record<string, JsonValue>> {
  const exec = defaultsOf(data).ExecProcessRequest;
  return isJsonObject(exec) ? exec : {};
}

/** `request_defaults`, as parsed. */
export function defaultsOf(data: KataPolicyData): Readonly<Record<string, JsonValue>> {
  return data.request_defaults as Readonly<Record<string, JsonValue>>;
}

/** The texts of a list. */
export function textsIn(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** A command as one line: joined texts as they are, words as a JSON array; secrets hidden. */
export function showCommand(command: string | readonly string[]): string {
  if (typeof command === 'string') return hideSecrets(command);
  return JSON.stringify(hideInWords(command));
}

function textsOr(command: JsonValue): string | readonly string[] {
  return typeof command === 'string' ? command : textsIn(command);
}
