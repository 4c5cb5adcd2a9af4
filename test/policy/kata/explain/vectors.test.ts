/**
 * The comparison against the decisions of reference rules. It never decides, but it has to find a reason wherever they
 * refuse, and none wherever they allow; where our rules are stricter, so is the comparison.
 */
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../../src/core/json.js';
import { isJsonObject } from '../../../../src/core/json-equal.js';
import { compare } from '../../../../src/pipeline/explain.js';
import type { KataPolicyData } from '../../../../src/policy/kata/data.js';
import { findCheckRules } from '../../../../src/policy/kata/explain/rules.js';
import { readKataData } from '../../../../src/policy/kata/read-data.js';
import { findAgentVariant } from '../../../../src/rego/guests.js';
import { buildPolicyInput } from '../../../../src/rego/policy-input.js';
import { RequestVectors } from '../../../support/kata-requests.js';
import { vectorsDir } from '../../../support/vectors.js';

const root = vectorsDir('kata-requests');
const CRI = 'io.kubernetes.cri.';

/** What the rules of the reference would remember, as far as comparisons look at it. */
class Remembered {
  readonly #data: KataPolicyData;
  #state: JsonObject = {};

  constructor(data: KataPolicyData) {
    this.#data = data;
  }

  get state(): JsonObject {
    return this.#state;
  }

  note(kind: string, message: JsonObject): void {
    const id = String(message.container_id);
    if (kind === 'RemoveContainerRequest') {
      const { [id]: _gone, ...rest } = this.#state;
      this.#state = rest;
    }
    if (kind !== 'CreateContainerRequest') return;
    const { Annotations, Linux } = message.OCI as JsonObject;
    const annotations = Annotations as Readonly<Record<string, string>>;
    const name = annotations[`${CRI}container-name`];
    const index = this.#data.containers.findIndex(
      ({ OCI }) => OCI.Annotations?.get(`${CRI}container-name`) === name,
    );
    const namespaces = (Linux as JsonObject).Namespaces as readonly JsonObject[];
    const network = namespaces.find(({ Type }) => Type === 'network')?.Path ?? '';
    this.#state = {
      ...this.#state,
      [id]: index,
      sandbox_name: annotations[`${CRI}sandbox-name`] ?? '',
      namespace: annotations[`${CRI}sandbox-namespace`] ?? '',
      network_namespace: network,
    };
  }
}

/** True if the comparison finds nothing; undefined for requests that policies answer without looking. */
function findsNothing(
  guest: string,
  data: KataPolicyData,
  kind: string,
  input: JsonValue,
  state: JsonObject,
) {
  const object = isJsonObject(input) ? input : {};
  const message = isJsonObject(object.base) ? object.base : object;
  const fitting = compare(kind, { data, message, state, rules: findCheckRules(guest) });
  if (fitting[0]?.failed[0]?.id === 'request-kind') return undefined;
  return fitting[0]?.failed.length === 0;
}

describe.runIf(root !== undefined)('comparison of recorded requests', () => {
  const sets = [
    ['upstream', 'kata-4.1'],
    ['microsoft', 'msft-main'],
  ] as const;
  const folders = sets.flatMap(([set, guest]) => {
    const vectors = new RequestVectors(root ?? '', guest);
    const found = root === undefined ? [] : vectors.folders(set);
    return found
      .filter((folder) => vectors.hasPolicyData(folder))
      .map((folder) => ({ folder, guest, vectors }));
  });

  it.each(folders)('$folder', ({ folder, guest, vectors }) => {
    const { data } = readKataData(vectors.policyData(folder), folder);
    const remembered = new Remembered(data);
    for (const { kind, request, allowed, description } of vectors.cases(folder)) {
      const made = buildPolicyInput(findAgentVariant(guest), kind, request);
      if (made.kind !== 'input') throw new Error(made.reason);
      const found = findsNothing(guest, data, kind, made.input, remembered.state);
      if (found !== undefined) expect([description, found]).toEqual([description, allowed]);
      if (allowed) remembered.note(kind, made.input);
    }
  });
});

/** Steps where the comparison differs from the reference on purpose. */
const STRICTER: Readonly<Record<string, string>> = {
  'upstream/state/execprocess/root-prefixed': 'a root path that only contains the right one',
  'upstream/state/execprocess/root-suffixed': 'a root path that only contains the right one',
  'upstream/state/execprocess/env-sandbox-name': 'a value that only contains the name of the pod',
  'upstream/state/execprocess/guest-pull-two': 'an image that is pulled twice',
  'microsoft/state/execprocess/bundle-id-regex': 'a bundle id that is a pattern',
  'azl3/createContainer/legacy/overlay-missing-layer-twice': 'a layer in place of the overlay',
  'azl5/createContainer/legacy/overlay-missing-layer-twice': 'a layer in place of the overlay',
};

/** Steps that a comparison of one container at a time cannot see. */
const UNSEEN: Readonly<Record<string, string>> = {
  'upstream/state/execprocess/policy-duplicate-mount': 'two mounts of the policy fit',
  'upstream/state/execprocess/state-id-equals-key': 'the id of a container is the key of a name',
  'microsoft/state/execprocess/exec-pinned-namespace': 'the reference forgets the namespace',
};

describe.runIf(root !== undefined)('comparison of probes', () => {
  const files = [
    ['upstream.json', 'kata-4.1', 'kata-4.1'],
    ['microsoft.json', 'msft-main', 'msft-main'],
    ['azl3.json', 'azl3', 'azl3'],
    ['azl5.json', 'azl5', 'azl3'],
  ] as const;
  const probes = files.flatMap(([file, guest, form]) => {
    const vectors = new RequestVectors(root ?? '', form);
    const found = root === undefined ? [] : vectors.probes(file);
    return found.map((probe) => ({ id: probe.id, probe, guest, vectors }));
  });
  const odd = new Set<string>();

  it.each(probes)('$id', ({ id, probe, guest, vectors }) => {
    const base = guest.startsWith('azl') ? `${guest}/createContainer` : probe.policy;
    const { data } = readKataData(vectors.probeData(probe, base), id);
    const remembered = new Remembered(data);
    for (const step of probe.steps) {
      const input = vectors.stepInput(step);
      const found = findsNothing(guest, data, step.kind, input, remembered.state);
      const isAllowed = step.expect === 'allow';
      if (found !== undefined && found !== isAllowed) {
        odd.add(id);
        expect(Object.keys(isAllowed ? STRICTER : UNSEEN)).toContain(id);
      }
      if (isAllowed) remembered.note(step.kind, input as JsonObject);
    }
  });

  it('differs in every place that is known', () => {
    expect([...odd].toSorted()).toEqual(Object.keys({ ...STRICTER, ...UNSEEN }).toSorted());
  });
});
