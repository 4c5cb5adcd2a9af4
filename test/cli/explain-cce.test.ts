import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyText } from '../policy/aci/sample-policy.js';
import { podseal, temporaryFolder } from '../support/cli.js';

const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

/** A folder with the policy, its start, and the start with another command. */
async function folderWithStart(): Promise<string> {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'policy.rego'), policyText());
  const { stdout } = await podseal(['simulate', 'policy.rego', '--emit-requests'], { cwd });
  const changed = linesOf(stdout).map((line) => {
    const one = JSON.parse(line);
    if (one.enforcementPoint === 'create_container') one.input.argList = ['/bin/sh'];
    return JSON.stringify(one);
  });
  const at = changed.findIndex((line) => line.includes('"create_container"'));
  writeFileSync(join(cwd, 'start.jsonl'), stdout);
  writeFileSync(join(cwd, 'bad.jsonl'), changed.slice(0, at + 1).join('\n'));
  return cwd;
}

describe('podseal explain of CCE policies', () => {
  it('says which check fails, and what would do', async () => {
    const cwd = await folderWithStart();
    const { status, stdout } = await podseal(['explain', 'policy.rego', 'bad.jsonl'], { cwd });
    expect(status).toBe(10);
    expect(stdout).toMatch('deny create_container: invalid command');
    expect(stdout).toMatch('nearest in the policy: container web');
    expect(stdout).toMatch('policy:  ["/bin/web","--port","8080"]');
    expect(stdout).toMatch('request: ["/bin/sh"]');
    expect(stdout).toMatch('fix:     set command');
    expect(stdout).toMatch('with this put right, the policy allows the request');
  });

  it('says nothing of a start that is allowed', async () => {
    const cwd = await folderWithStart();
    const { status, stdout, stderr } = await podseal(['explain', 'policy.rego', 'start.jsonl'], {
      cwd,
    });
    expect([status, stdout]).toEqual([0, '']);
    expect(stderr).toMatch('nothing to explain');
  });

  it('reads the denial of a guest, with the policy and without', async () => {
    const cwd = await folderWithStart();
    const simulated = await podseal(['simulate', 'policy.rego', 'bad.jsonl', '--json'], { cwd });
    const { message } = JSON.parse(linesOf(simulated.stdout).at(-1) ?? '');
    writeFileSync(
      join(cwd, 'error.txt'),
      `failed: container creation denied due to policy: ${message}: unknown\n`,
    );
    for (const args of [
      ['policy.rego', 'error.txt'],
      ['policy.rego', '--from-error', 'error.txt'],
    ]) {
      const { status, stdout } = await podseal(['explain', ...args], { cwd });
      expect([status, stdout]).toEqual([
        10,
        expect.stringContaining('1. the command is another (argList)'),
      ]);
    }
    const alone = await podseal(['explain', '--from-error', 'error.txt'], { cwd });
    expect([alone.status, alone.stdout]).toEqual([10, 'deny create_container: invalid command\n']);
    expect(alone.stderr).toMatch('name the policy too');
    const json = await podseal(['explain', 'policy.rego', '--from-error', 'error.txt', '--json'], {
      cwd,
    });
    expect(JSON.parse(json.stdout)).toMatchObject({
      format: 'podseal.explain/v1',
      error: { point: 'create_container', errors: ['invalid command'] },
      explanations: [{ kind: 'create_container', failed: [{ id: 'command' }] }],
    });
  });

  it('refuses lines that are not there, and policies with rules of their own', async () => {
    const cwd = await folderWithStart();
    const none = await podseal(['explain', 'policy.rego', 'bad.jsonl', '--line', '99'], { cwd });
    expect([none.status, none.stderr]).toEqual([
      2,
      expect.stringContaining('no request in line 99'),
    ]);
    writeFileSync(
      join(cwd, 'own.rego'),
      `${policyText()}\nhost_network := {"allowed": true} if input.x`,
    );
    const own = await podseal(['explain', 'own.rego', 'bad.jsonl'], { cwd });
    expect([own.status, own.stderr]).toEqual([
      3,
      expect.stringContaining('host_network is a rule of its own'),
    ]);
  });
});
