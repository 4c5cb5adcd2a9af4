/** A CCE policy under a sequence of requests: what the guest decides on each, and what a user should know about it. */
import { ToolError } from '../../core/error.js';
import type { JsonObject, JsonValue } from '../../core/json.js';
import type { NoticeSink } from '../../core/notice.js';
import { loadFragment, loadTrustList, type VerifiedFragment } from '../../rego/aci/load.js';
import type { CceRequest, CceRequests } from '../../rego/aci/requests.js';
import {
  type CceDecision,
  CceSession,
  type CceSessionOptions,
  isTransacted,
} from '../../rego/aci/session.js';
import type { FrameworkEngine } from '../../rego/ports.js';
import { isEnvelope, openFragment, openTrustList } from './open-fragment.js';
import { reasonTextOf } from './self-check.js';

export interface CceSimulationInput {
  readonly policyText: string;
  readonly options: CceSessionOptions;
  readonly form: CceRequests['form'];
}

export interface CceSimulationPorts {
  readonly engine: FrameworkEngine;
  readonly notices: NoticeSink;
  /** Bytes of a file beside the requests, by the path that a request names. */
  readonly readBeside: (path: string) => Promise<Uint8Array>;
}

export interface CceSimulated {
  readonly kind: string;
  readonly decision: CceDecision['verdict'];
  /** Why it is refused; null for an allow. */
  readonly reason: string | null;
  /** Which container or mount it is about, where the request says. */
  readonly subject?: string;
  /** The whole decision. */
  readonly details: CceDecision;
}

const LOCAL_PATH = 'local_path';

/** Decides on one request after the other. */
export class CceSimulation {
  readonly session: CceSession;
  readonly #isSimulator: boolean;
  readonly #ports: CceSimulationPorts;
  readonly #warned = new Set<string>();

  /** Throws USAGE_CONFLICT for an unknown guest. */
  constructor({ policyText, options, form }: CceSimulationInput, ports: CceSimulationPorts) {
    this.#isSimulator = form === 'commands';
    const simulator = this.#isSimulator;
    this.session = new CceSession(ports.engine, policyText, { ...options, simulator });
    this.#ports = ports;
  }

  /** Loads a signed fragment. Throws as openFragment, and what the policy throws. */
  async loadFragmentFile(bytes: Uint8Array, file: string): Promise<CceSimulated> {
    const { decision } = await loadFragment(this.session, openFragment(bytes, file));
    return simulated('load_fragment', file, decision);
  }

  /** Loads a signed trust list. Throws as openTrustList, and what the policy throws. */
  async loadTrustListFile(bytes: Uint8Array, file: string): Promise<CceSimulated> {
    const decision = await loadTrustList(this.session, openTrustList(bytes, file));
    return simulated('load_transparency_trust_list', file, decision);
  }

  /** Throws what the policy, a fragment's envelope or the engine throws. */
  async decide(request: CceRequest): Promise<CceSimulated> {
    const { point, input } = request;
    const path = input[LOCAL_PATH];
    const decision =
      typeof path === 'string' && point.startsWith('load_')
        ? await this.#load(request, path)
        : await this.#ask(point, input);
    this.#warn(request, decision);
    return simulated(point, subjectOf(input), decision);
  }

  /** The reference's simulator has no transactions. */
  #ask(point: string, input: JsonObject): Promise<CceDecision> {
    return this.#isSimulator
      ? this.session.enforce(point, input)
      : this.session.request(point, input);
  }

  async #load({ point, input, line }: CceRequest, path: string): Promise<CceDecision> {
    const bytes = await this.#ports.readBeside(path);
    if (point !== 'load_fragment') {
      return loadTrustList(this.session, openTrustList(bytes, path));
    }
    if (isEnvelope(bytes)) {
      return (await loadFragment(this.session, openFragment(bytes, path))).decision;
    }
    const text = Buffer.from(bytes).toString('utf8');
    if (this.#isSimulator) return this.#simulatorLoad(input, text);
    const fragment = unsignedFragment(input, text, line);
    return (await loadFragment(this.session, fragment)).decision;
  }

  /** One question with the module there, as the reference's simulator asks it. */
  async #simulatorLoad(input: JsonObject, text: string): Promise<CceDecision> {
    const [issuer, feed, namespace] = ['issuer', 'feed', 'namespace'].map((name) =>
      asText(input[name]),
    );
    const id = `${issuer}>${feed}`;
    this.session.activate({ id, namespace: `${namespace}`, text, parameters: {} });
    let stays = false;
    try {
      const decision = await this.session.enforce('load_fragment', input);
      stays = decision.verdict === 'allow' && decision.result?.add_module === true;
      return decision;
    } finally {
      this.session.settle(id, stays);
    }
  }

  #warn({ point, input }: CceRequest, { verdict, operations }: CceDecision): void {
    const isKept = this.#isSimulator || !isTransacted(point);
    if (verdict === 'deny' && operations !== undefined && isKept) {
      this.#once({
        code: 'state-changed-by-refusal',
        message: `${point}: the guest applies the state operations of this refused request too`,
      });
    }
    if (point === 'registry_changes' && verdict === 'allow') {
      this.#once({
        code: 'registry-changes-unchecked',
        message: 'registry_changes: the guest allows any value once a container lists changes',
      });
    }
    const isLinux = this.session.os === 'linux';
    if (point === 'scratch_unmount' && isLinux && input.unmountTarget !== undefined) {
      this.#once({
        code: 'scratch-unmount-never-sent',
        message: 'scratch_unmount: guests with Linux never ask it, so a scratch path stays taken',
      });
    }
  }

  #once(notice: { readonly code: string; readonly message: string }): void {
    if (this.#warned.has(notice.message)) return;
    this.#warned.add(notice.message);
    this.#ports.notices(notice);
  }
}

/** A fragment as plain text has no envelope: the request says who signed it. */
function unsignedFragment(input: JsonObject, text: string, line: number): VerifiedFragment {
  const { issuer, feed, header_svn: svn } = input;
  if (typeof issuer !== 'string' || typeof feed !== 'string') {
    throw new ToolError('REQUEST_INVALID', 'a fragment without envelope needs issuer and feed', {
      where: `line ${line}`,
      want: '{"issuer": ..., "feed": ..., "local_path": ...}',
    });
  }
  return { issuer, feed, text, ...(typeof svn === 'number' ? { headerSvn: svn } : {}) };
}

function simulated(kind: string, subject: string | undefined, details: CceDecision): CceSimulated {
  const reason = details.verdict === 'allow' ? null : reasonTextOf(details);
  const about = subject === undefined ? {} : { subject };
  return { kind, decision: details.verdict, reason, ...about, details };
}

/** A container by the start of its id, else the target of a mount, else the command. */
function subjectOf(input: JsonObject): string | undefined {
  const { containerID, target, unmountTarget, feed, argList } = input;
  if (typeof containerID === 'string') return `container ${shortened(containerID)}`;
  const named: JsonValue | undefined = target ?? unmountTarget ?? feed;
  if (typeof named === 'string') return shortened(named);
  return Array.isArray(argList) ? shortened(argList.join(' ')) : undefined;
}

function shortened(text: string): string {
  return text.replace(/[0-9a-fA-F]{64}/g, (id) => id.slice(0, 12)).slice(0, 200);
}

/** A text as it is, anything else as JSON: requests hold what they like. */
const asText = (value: JsonValue | undefined) =>
  typeof value === 'string' ? value : JSON.stringify(value);
