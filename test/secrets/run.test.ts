/** A whole run of tests ends with a failure when one of them lets a secret out, by whatever way. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, temporaryFolder } from '../support/cli.js';

/** Runs one test file whose test does as `lines` say, in a run of its own. */
function runOf(lines: readonly string[]) {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'test'));
  const file = [
    "import { generateKeyPairSync } from 'node:crypto';",
    `import { podseal } from '${ROOT}/test/support/cli.ts';`,
    `import { keepSecret } from '${ROOT}/test/support/secrets/record.ts';`,
    "it('passes', async () => {",
    "const password = keepSecret('correct-horse-battery-staple', 'a password');",
    "const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });",
    ...lines,
    '});',
  ];
  writeFileSync(join(folder, 'test/one.test.ts'), file.join('\n'));
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...['--config', join(ROOT, 'test/vitest.config.ts'), '--root', folder, '--globals'],
    ],
    { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: folder, NO_COLOR: '1' } },
  );
  return { status, stderr };
}

describe('a run', () => {
  it('without a leak is good, and says what was searched', () => {
    const { status, stderr } = runOf(["console.log('fine');", "await podseal(['--version']);"]);
    expect(stderr).toMatch(/secrets: [2-9] secrets of tests looked for in [0-9]+ outputs/);
    expect(stderr).toContain('none is there');
    expect(status).toBe(0);
  });

  it('with leaks fails, and names each of them', () => {
    const { status, stderr } = runOf([
      'console.log({ password: Buffer.from(password) });',
      "process.stderr.write(privateKey.export({ format: 'pem', type: 'pkcs8' }));",
      'const stdin = JSON.stringify({ other: password });',
      "await podseal(['key', 'doctor', '--error', encodeURIComponent(password)]);",
      "await podseal(['sidecar', '--port', Buffer.from(password).toString('base64')], { stdin });",
    ]);
    expect(status).not.toBe(0);
    expect(stderr).toContain('LEAKED');
    expect(stderr).toContain('a password as hex of an inspected buffer, written by the test run');
    expect(stderr).toMatch(/d of a private ec key as (raw|base64|base64url), written by the test/);
    expect(stderr).toContain('a password as raw, written by an argument of podseal key doctor');
    expect(stderr).toContain(
      'a password as base64, written by an argument of podseal sidecar --port',
    );
  });
});
