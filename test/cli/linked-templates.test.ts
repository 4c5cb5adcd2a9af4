/** Linked templates: policies are written into them, so that they must lie where the user expects it. */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { podseal, temporaryFolder } from '../support/cli.js';

const SCHEMA = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#';
const FACTS = {
  format: 'podseal.image-facts/v1',
  images: [
    {
      references: ['example.org/web:1'],
      platform: 'linux/amd64',
      config: { Cmd: ['serve'] },
      layers: [{ rootHashes: { ext4: '0'.repeat(64) } }],
    },
  ],
};
const GROUP = {
  $schema: SCHEMA,
  resources: [
    {
      type: 'Microsoft.ContainerInstance/containerGroups',
      name: 'web',
      properties: {
        osType: 'Linux',
        containers: [{ name: 'web', properties: { image: 'example.org/web:1' } }],
      },
    },
  ],
};
const linkTo = (relativePath: string) => ({
  $schema: SCHEMA,
  resources: [
    {
      type: 'Microsoft.Resources/deployments',
      name: 'nested',
      properties: { mode: 'Incremental', templateLink: { relativePath } },
    },
  ],
});

let folder: string;
const at = (name: string) => join(folder, name);
const put = (name: string, content: object) => writeFileSync(at(name), JSON.stringify(content));
const run = (...args: readonly string[]) =>
  podseal(['policy', 'app/main.json', ...args, '--image-facts', 'facts.json'], { cwd: folder });

beforeEach(() => {
  folder = temporaryFolder();
  for (const name of ['app/modules', 'shared']) mkdirSync(at(name), { recursive: true });
  put('facts.json', FACTS);
  put('shared/group.json', GROUP);
});

describe('a linked template', () => {
  it('of the folder gets its policy', async () => {
    put('app/main.json', linkTo('modules/inner.json'));
    put('app/modules/inner.json', linkTo('../group.json'));
    put('app/group.json', GROUP);
    const result = await run();
    expect(result.status, result.stderr).toBe(0);
    expect(readFileSync(at('app/group.json'), 'utf8')).toContain('"ccePolicy"');
  });

  it.each([
    ['by its path', '../shared/group.json'],
    ['by a link', 'link.json'],
    ['by a folder that is a link', 'modules/shared/group.json'],
    ['in two steps', 'modules/inner.json'],
  ])('outside of the folder is not read or written: %s', async (_what, path) => {
    put('app/main.json', linkTo(path));
    put('app/modules/inner.json', linkTo('../../shared/group.json'));
    symlinkSync('../shared/group.json', at('app/link.json'));
    symlinkSync('../../shared', at('app/modules/shared'));
    const result = await run();
    expect([result.status, result.stdout]).toEqual([3, '']);
    expect(result.stderr).toContain('lies outside of the folder');
    expect(result.stderr).toContain('--template-root FOLDER');
    expect(readFileSync(at('shared/group.json'), 'utf8')).toBe(JSON.stringify(GROUP));
  });

  it('of a folder that the user names gets its policy', async () => {
    put('app/main.json', linkTo('../shared/group.json'));
    const result = await run('--template-root', 'shared');
    expect(result.status, result.stderr).toBe(0);
    expect(readFileSync(at('shared/group.json'), 'utf8')).toContain('"ccePolicy"');
  });

  it('has no folders for pods', async () => {
    put('app/main.json', {});
    for (const [target, problem] of [
      ['aks', '--template-root has no meaning'],
      ['vn2', '--template-root is for ARM templates'],
    ] as const) {
      const { status, stderr } = await run('--template-root', 'shared', '--target', target);
      expect([status, stderr]).toEqual([2, expect.stringContaining(problem)]);
    }
  });
});
