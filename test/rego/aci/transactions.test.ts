/** Mounts and unmounts are asked about in transactions, other requests are not (spec aci-framework 3.4). */
import { describe, expect, it } from 'vitest';
import { openFrameworkEngine } from '../../../src/io/framework-engine.js';
import { ENFORCEMENT_POINTS } from '../../../src/rego/aci/guests.js';
import { CceSession, isTransacted } from '../../../src/rego/aci/session.js';

const engine = openFrameworkEngine();

/** Every answer leaves a mark. */
const open = (point: string, allowed: boolean | string) =>
  new CceSession(
    engine,
    [
      'package policy',
      'api_version := "0.12.0"',
      `${point} := {"allowed": ${JSON.stringify(allowed)}, "metadata": [{"name": "s", "action": "update", "key": "k", "value": 1}]}`,
    ].join('\n'),
    { guest: 'framework-0.5.0' },
  );

describe('requests', () => {
  it('are transactions where something is mounted or unmounted', () => {
    const others = Object.keys(ENFORCEMENT_POINTS).filter((point) => !isTransacted(point));
    expect(others.toSorted()).toEqual([
      'create_container',
      'dump_stacks',
      'exec_external',
      'exec_in_container',
      'get_properties',
      'host_network',
      'load_fragment',
      'load_transparency_trust_list',
      'log_provider',
      'registry_changes',
      'runtime_logging',
      'shutdown_container',
      'signal_container_process',
    ]);
  });

  it.each([
    ['mount_device', true, true],
    ['mount_device', false, false],
    ['mount_device', 'true', false],
    ['rw_unmount_device', false, false],
    ['create_container', false, true],
    ['signal_container_process', false, true],
  ] as const)('%s answered with %j leaves its mark: %s', async (point, allowed, marked) => {
    const session = open(point, allowed);
    await session.request(point, {});
    expect('s' in session.metadata).toBe(marked);
  });

  it('within a transaction are part of it', async () => {
    const session = open('mount_device', true);
    session.begin();
    await session.request('mount_device', {});
    expect('s' in session.metadata).toBe(true);
    session.rollback();
    expect('s' in session.metadata).toBe(false);
  });
});
