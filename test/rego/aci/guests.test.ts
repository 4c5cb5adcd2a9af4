import { describe, expect, it } from 'vitest';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { startSteps } from '../../../src/pipeline/aci/self-check.js';
import { requireCceDocument } from '../../../src/policy/aci/read-policy.js';
import { findFrameworkGuest, knowsPoint, lookUpPoint } from '../../../src/rego/aci/guests.js';
import { CceSession } from '../../../src/rego/aci/session.js';
import { policyText } from '../../policy/aci/sample-policy.js';

const engine = openFrameworkEngine();
const [OLD, NEW] = ['framework-0.3.0', 'framework-0.5.0'] as const;

describe('guests that enforce CCE policies', () => {
  it('are found by name', () => {
    expect(findFrameworkGuest(NEW).apiVersion).toBe('0.12.0');
    expect(() => findFrameworkGuest('azl3')).toThrow(
      expect.objectContaining({ code: 'USAGE_CONFLICT', want: `${OLD}, ${NEW}` }),
    );
  });

  it('know the points of their api', () => {
    const old = findFrameworkGuest(OLD);
    const unknown = ['rw_mount_device', 'registry_changes', 'host_network', 'toString'];
    expect(unknown.map((point) => knowsPoint(old, point))).toEqual([false, false, false, false]);
    expect(knowsPoint(old, 'scratch_mount')).toBe(true);
    expect(lookUpPoint(old, 'host_network', '0.12.0')).toMatch('is invalid');
    expect(lookUpPoint(old, 'toString', '0.12.0')).toMatch('does not exist');
  });

  it.each<[string, object, string, string]>([
    ['devices of a request', { devices: [{ path: '/dev/x' }] }, 'allow', 'deny'],
    ['a part of a value', { envList: ['PATH=/usr/bin:/bin', 'XHOSTNAME=a'] }, 'deny', 'deny'],
  ])('%s: %j', async (_what, change, old, current) => {
    const text = policyText({ framework_version: '0.2.3' });
    for (const [guest, want] of [
      [OLD, old],
      [NEW, current],
    ] as const) {
      const session = new CceSession(engine, text, { guest });
      for (const { point, input } of startSteps(requireCceDocument(text, 't'), guest)) {
        const isAsked = point === 'create_container';
        const { verdict } = await session.enforce(point, isAsked ? { ...input, ...change } : input);
        if (isAsked) expect([guest, verdict]).toEqual([guest, want]);
        if (isAsked) break;
      }
    }
  });
});
