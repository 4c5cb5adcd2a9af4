import { describe, expect, it } from 'vitest';
import { buildCapabilities } from '../../../src/policy/kata/capabilities.js';
import type { ContainerSecurityContext } from '../../../src/workload/pod.js';

const SETTINGS = { standard: ['CAP_A', 'CAP_B', 'CAP_C'], privileged: ['CAP_A', 'CAP_B', 'CAP_P'] };

const boundingOf = (add: string[] = [], drop: string[] = [], privileged = false) =>
  buildCapabilities({ capabilities: { add, drop }, privileged }, SETTINGS).Bounding;

describe('capabilities', () => {
  it.each<[ContainerSecurityContext | undefined, string]>([
    [undefined, '$(default_caps)'],
    [{ privileged: false }, '$(default_caps)'],
    [{ privileged: true }, '$(privileged_caps)'],
  ])('of %j have a name', (context, name) => {
    expect(buildCapabilities(context, SETTINGS)).toEqual({
      Ambient: [],
      Bounding: [name],
      Effective: [name],
      Inheritable: [],
      Permitted: [name],
    });
  });

  it.each<[string[], string[], readonly string[]]>([
    [[], ['B'], ['CAP_A', 'CAP_C']],
    [[], ['ALL'], []],
    [['NET_BIND_SERVICE'], ['ALL'], ['CAP_NET_BIND_SERVICE']],
    [['A'], [], ['$(default_caps)']],
    [['A'], ['A'], ['CAP_B', 'CAP_C', 'CAP_A']],
    [['P'], ['C'], ['$(privileged_caps)']],
    [['ALL'], [], ['CAP_A', 'CAP_B', 'CAP_C', 'CAP_ALL']],
    [
      ['X', 'X'],
      ['CAP_B', 'b'],
      ['CAP_A', 'CAP_B', 'CAP_C', 'CAP_X'],
    ],
  ])('add %j, drop %j', (add, drop, expected) => {
    expect(boundingOf(add, drop)).toEqual(expected);
  });

  it('of a privileged container can be dropped to the standard ones', () => {
    expect(boundingOf(['C'], ['P'], true)).toEqual(['$(default_caps)']);
  });
});
