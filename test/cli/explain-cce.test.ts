import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONTAINER, policyText } from '../policy/aci/sample-policy.js';
import { podseal, temporaryFolder } from '../support/cli.js';
import { nativeAddon } from '../support/native.js';
import { FEED, issuerOf, makeSigner, makeStatement } from '../support/statements.js';

const hasNative = nativeAddon() !== undefined;

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

  it('refuses lines that are not there', async () => {
    const cwd = await folderWithStart();
    const none = await podseal(['explain', 'policy.rego', 'bad.jsonl', '--line', '99'], { cwd });
    expect([none.status, none.stderr]).toEqual([
      2,
      expect.stringContaining('no request in line 99'),
    ]);
  });

  const OWN = 'create_container := data.framework.create_container';
  it.runIf(hasNative)(
    'says what it does not know of policies with rules of their own',
    async () => {
      const cwd = await folderWithStart();
      const text = policyText().replace(new RegExp(`^${OWN}$`, 'm'), `${OWN} if input.argList`);
      writeFileSync(join(cwd, 'own.rego'), text);
      const own = await podseal(['explain', 'own.rego', 'bad.jsonl'], { cwd });
      expect(own.status).toBe(10);
      expect(own.stdout).toMatch('deny create_container: invalid command');
      expect(own.stdout).toMatch('nearest in the policy: container web');
      expect(own.stdout).toMatch('with this put right, the policy allows the request');
      expect(own.stdout).toMatch(/note: create_container is a rule of its own \(own\.rego:\d+:1\)/);
      expect(own.stdout).toMatch('would refuse the request too: invalid command');
      const simulated = await podseal(['simulate', 'own.rego', 'bad.jsonl', '--json'], { cwd });
      writeFileSync(join(cwd, 'error.txt'), JSON.parse(linesOf(simulated.stdout).at(-1)!).message);
      const told = await podseal(['explain', 'own.rego', '--from-error', 'error.txt'], { cwd });
      expect([told.status, told.stdout]).toEqual([
        10,
        expect.stringContaining('note: create_container is a rule of its own'),
      ]);
    },
  );

  it('says what is compared of Windows, and makes no start of it up', async () => {
    const cwd = temporaryFolder();
    const windows = { ...CONTAINER, user: 'ContainerUser', mounted_cim: ['1'.repeat(64)] };
    const text = policyText({ framework_version: '0.4.1', containers: [windows] });
    writeFileSync(join(cwd, 'w.rego'), `${text}\nmount_cims := data.framework.mount_cims\n`);
    const input = { containerID: 'c', layerHashes: [], mountedCim: [] };
    const request = { enforcementPoint: 'mount_cims', input };
    writeFileSync(join(cwd, 'r.jsonl'), JSON.stringify(request));
    const explained = await podseal(['explain', 'w.rego', 'r.jsonl', '--verbose'], { cwd });
    expect(explained.status).toBe(10);
    expect(explained.stderr).toMatch('guest framework-0.5.0, windows');
    expect(explained.stderr).toMatch('of Windows guests layers, commands');
    expect(explained.stdout).toMatch('the layers are others');
    expect(explained.stdout).toMatch('note: guests of framework 0.5.0 read no Windows container');
    const made = await podseal(['simulate', 'w.rego', '--synthesize'], { cwd });
    expect([made.status, made.stderr]).toEqual([
      2,
      expect.stringContaining('the start of a Windows group cannot be made up'),
    ]);
    const simulated = await podseal(['simulate', 'w.rego', 'r.jsonl'], { cwd });
    expect([simulated.status, simulated.stdout]).toEqual([10, expect.stringContaining('deny')]);
    const none = await podseal(['explain', 'w.rego', 'r.jsonl', '--os', 'plan9'], { cwd });
    expect([none.status, none.stderr]).toEqual([2, expect.stringContaining('--os linux')]);
  });

  it('loads fragments first, in simulations too', async () => {
    const cwd = temporaryFolder();
    const signer = makeSigner();
    const issuer = issuerOf(signer.chain);
    const other = { ...CONTAINER, name: 'b', layers: ['9'.repeat(64)] };
    const fragment = `package a\nsvn := "1"\nframework_version := "0.5.0"\ncontainers := [${JSON.stringify(other)}]\n`;
    const entry = { issuer, feed: FEED, minimum_svn: '1', includes: ['containers'] };
    writeFileSync(
      join(cwd, 'a.cose'),
      makeStatement({ ...signer, payload: Buffer.from(fragment) }),
    );
    writeFileSync(join(cwd, 'policy.rego'), policyText({ fragments: [entry] }));
    const given = ['--fragment', 'a.cose'];
    const started = await podseal(['simulate', 'policy.rego', '--synthesize', ...given], { cwd });
    expect(started.status, started.stderr).toBe(0);
    expect(started.stdout.split(' create_container ')).toHaveLength(3);
    const made = ['simulate', 'policy.rego', '--emit-requests', ...given];
    writeFileSync(join(cwd, 'start.jsonl'), (await podseal(made, { cwd })).stdout);
    const explained = await podseal(['explain', 'policy.rego', 'start.jsonl', ...given], { cwd });
    expect([explained.status, explained.stdout]).toEqual([0, '']);
    const without = await podseal(['explain', 'policy.rego', 'start.jsonl'], { cwd });
    expect([without.status, without.stdout]).toEqual([
      10,
      expect.stringContaining('no layer of the policy has this root hash'),
    ]);
  });
});
