/** `podseal acipolicygen --validate-sidecar` (aci policy 14). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { podseal, temporaryFolder } from '../support/cli.js';

const SIDECAR = 'mcr.microsoft.com/aci/sc-proxy:1';
const image = (reference: string) => ({
  references: [reference],
  platform: 'linux/amd64',
  config: { Cmd: ['/proxy'], Env: ['MODE=fast'] },
  layers: [{ rootHashes: { ext4: 'a'.repeat(64) } }],
});
const FACTS = {
  format: 'podseal.image-facts/v1',
  images: [image(SIDECAR), image('example.org/web:1')],
};
const container = (reference: string, more: object = {}) => ({
  name: 'c',
  properties: { image: reference, ...more },
});
/** What lets the side-car start: its image says it, and side-cars in inputs get nothing from their images. */
const FULL = {
  command: ['/proxy'],
  environmentVariables: [
    { name: 'MODE', value: 'fast' },
    { name: 'TERM', value: 'xterm' },
    ...[
      '(?i)(FABRIC)_.+',
      'HOSTNAME',
      'T(E)?MP',
      'FabricPackageFileName',
      'HostedServiceName',
      'IDENTITY_API_VERSION',
      'IDENTITY_HEADER',
      'IDENTITY_SERVER_THUMBPRINT',
      'azurecontainerinstance_restarted_by',
    ].map((name) => ({ name, value: '.+', regex: true })),
  ],
  volumeMounts: [{ name: 'r', mountType: 'resolvconf', mountPath: '/etc/resolv.conf' }],
};

async function validate(...containers: readonly object[]) {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'facts.json'), JSON.stringify(FACTS));
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ version: '1.0', containers }));
  const args = ['-i', 'config.json', '-v', '--image-facts', 'facts.json', '--offline'];
  return podseal(['acipolicygen', ...args], { cwd: folder });
}

describe('acipolicygen --validate-sidecar', () => {
  it('passes a side-car whose policy allows what its image asks for, whatever else is there', async () => {
    const more = { ...FULL, execProcesses: [{ command: ['/extra'] }] };
    expect(await validate(container('example.org/web:1'), container(SIDECAR, more))).toMatchObject({
      status: 0,
      stdout: 'Sidecar containers will pass with its generated policy\n',
    });
  });

  it('says what keeps a side-car from starting, with status 2', async () => {
    const result = await validate(container(SIDECAR, { ...FULL, command: ['/other'] }));
    const [line, report] = result.stdout.split(': {', 2);
    expect([result.status, line]).toEqual([
      2,
      'Sidecar containers will not pass with its generated policy',
    ]);
    expect(JSON.parse(`{${report}`)).toEqual({
      [SIDECAR]: {
        values_changed: { command: [{ policy_value: '/other', tested_value: '/proxy' }] },
      },
    });
  });

  it('needs a side-car', async () => {
    const result = await validate(container('example.org/web:1'));
    expect([result.status, result.stdout]).toEqual([1, '']);
    expect(result.stderr).toContain('no container of the input is a side-car');
  });
});
