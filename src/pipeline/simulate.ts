/** A kata policy under a sequence of requests: what it decides on each, and what each is for. */
import type { JsonObject, JsonValue } from '../core/json.js';
import type { Decision, PolicySession } from '../rego/session.js';

export interface SimulatedRequest {
  readonly kind: string;
  readonly request: JsonValue;
}

export interface SimulatedDecision {
  readonly kind: string;
  readonly decision: Decision['verdict'];
  /** Why it was refused, or that a refusal was overridden; null for a plain allow. */
  readonly reason: string | null;
  /** `sandbox`, `container NAME`, or an id; absent where the request does not say. */
  readonly subject?: string;
}

const NAME = 'io.kubernetes.cri.container-name';

/** Decides on one request after the other; keeps the names of containers by their id. */
export class Simulation {
  readonly #session: PolicySession;
  readonly #names = new Map<string, string>();

  constructor(session: PolicySession) {
    this.#session = session;
  }

  /** Throws REQUEST_INVALID for what is no request of the agent. */
  decide({ kind, request }: SimulatedRequest): SimulatedDecision {
    const decision = this.#session.receive(kind, request);
    const subject = this.#subjectOf(kind, request);
    return {
      kind,
      decision: decision.verdict,
      reason: reasonOf(decision),
      ...(subject === undefined ? {} : { subject }),
    };
  }

  #subjectOf(kind: string, request: JsonValue): string | undefined {
    const outer = asObject(request);
    const message = asObject(outer.base ?? outer);
    const { container_id: id, path } = message;
    if (kind === 'CreateSandboxRequest') return 'sandbox';
    if (kind === 'CopyFileRequest' && typeof path === 'string') return shortened(path);
    if (typeof id !== 'string' || id === '') return undefined;
    if (kind === 'CreateContainerRequest') {
      const name = asObject(asObject(message.OCI).Annotations)[NAME];
      this.#names.set(id, typeof name === 'string' ? `container ${name}` : 'sandbox');
    }
    return this.#names.get(id) ?? `container ${shortened(id)}`;
  }
}

/** Ids at the length at which they still tell containers apart. */
function shortened(text: string): string {
  return text.replace(/[0-9a-f]{64}/g, (id) => id.slice(0, 12));
}

/** Why a request was refused, in the words of the engine and of the rules. */
export function reasonOf(decision: Decision): string | null {
  const { verdict, prints, reason, overridden } = decision;
  const said = prints.map((line) => line.replace(/^agent_policy:\d+: /, '')).join('; ');
  if (overridden) return `AllowRequestsFailingPolicy overrides: ${reason ?? (said || 'denied')}`;
  if (verdict === 'allow') return null;
  return reason ?? (said === '' ? 'no rule allows it' : said);
}

function asObject(value: JsonValue | undefined): JsonObject {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : {};
}
