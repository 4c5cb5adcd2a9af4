import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { podseal, temporaryFolder } from '../support/cli.js';
import { pem } from '../support/evidence-files.js';
import { AT, makeFiles } from '../support/report-files.js';
import { filesOf, openSnpVectors } from '../support/snp-vectors.js';

describe('report show', () => {
  it('prints each field with its meaning', async () => {
    const { report } = makeFiles();
    const shown = await podseal(['report', 'show', report]);
    expect(shown.stderr).toBe('');
    expect(shown.status).toBe(0);
    expect(shown.stdout).toContain(
      'policy              0x000000000003001f  (firmware ABI at least 0.31; smt)',
    );
    expect(shown.stdout).toMatch(/reportedTcb +0400000000{2}.*\(bl 4, tee 0, snp 24, ucode 219\)/);
    expect(shown.stdout).toMatch(/cpuid +190101 {2}\(Milan\)/);
  });

  it('prints the same as JSON', async () => {
    const { report, bytes } = makeFiles();
    const { stdout } = await podseal(['report', 'show', report, '--json']);
    const shown = JSON.parse(stdout) as { format: string; report: object; meaning: object };
    expect(shown.format).toBe('podseal.report/v1');
    expect(shown.report).toMatchObject({
      version: 3,
      hostData: bytes.subarray(0xc0, 0xe0).toString('hex'),
      currentVersion: '1.55.21',
    });
    expect(shown.meaning).toMatchObject({
      productLine: 'Milan',
      signingKey: 'VCEK',
      policyFlags: ['smt'],
      tcb: { reportedTcb: { bl: 4, snp: 24 } },
    });
  });

  it('says what a file is that is no report', async () => {
    const { write, bytes } = makeFiles();
    const hex = await podseal(['report', 'show', write('hex', bytes.toString('hex'))]);
    expect(hex.status).toBe(3);
    expect(hex.stderr).toContain('[REPORT_INVALID]');
    expect(hex.stderr).toContain('xxd -r -p');
    const future = Buffer.from(bytes);
    future[0] = 6;
    const shown = await podseal(['report', 'show', write('v6', future)]);
    expect(shown.status).toBe(3);
    expect(shown.stderr).toContain('want:  2 to 5');
  });
});

describe('expectation create', () => {
  it('prints what the options ask for', async () => {
    const { policy, bytes } = makeFiles();
    const flags = [
      '--minimum-tcb',
      'Milan:bl=4,snp=24',
      '--minimum-firmware',
      '1.55.21',
      '--vmpl',
      '1',
    ];
    const uvm = ['--uvm', 'aci', '--uvm-minimum-svn', '101'];
    const more = ['--guest-policy', '0x3001f', '--require-author-key', '--no-vlek'];
    const result = await podseal(['expectation', 'create', policy, ...flags, ...uvm, ...more]);
    expect(result.stderr).toBe('');
    expect(JSON.parse(result.stdout)).toEqual({
      format: 'podseal.expectation/v1',
      hostData: [bytes.subarray(0xc0, 0xe0).toString('hex')],
      vmpl: 1,
      allowVlek: false,
      guestPolicies: ['0x3001f'],
      minimumTcb: { Milan: { bl: 4, snp: 24 } },
      minimumFirmware: '1.55.21',
      requireAuthorKey: true,
      uvm: {
        issuer:
          'did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2',
        feed: 'ContainerPlat-AMD-UVM',
        minimumSvn: 101,
      },
    });
  });

  it('warns of what it leaves open, and writes in one step', async () => {
    const { policy, folder, report } = makeFiles();
    const file = join(folder, 'expectation.json');
    const result = await podseal(['expectation', 'create', policy, '-o', file]);
    expect(result.status).toBe(0);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('[no-minimum-tcb]');
    expect(result.stderr).toContain('[any-launch-measurement]');
    const flags = ['--expectation', file, '--skip-chain-trust-any-signer'];
    expect((await podseal(['report', 'verify', report, ...flags])).status).toBe(0);
  });

  it.each([
    [[]],
    [['--host-data', 'ab']],
    [['--minimum-tcb', 'Rome:bl=4']],
    [['--minimum-tcb', 'Milan:bl=4,bl=5']],
    [['--minimum-tcb', 'Milan:bl=256']],
    [['--vmpl', '4']],
    [['--vmpl', 'one']],
    [['--uvm', 'aci']],
    [['--uvm', 'aks', '--uvm-minimum-svn', '1']],
    [['--uvm-issuer', 'did:x509:0:sha256:x::eku:1']],
    [['--launch-measurement', 'ab']],
  ])('refuses %j', async (flags) => {
    const hostData =
      flags.includes('--host-data') || flags.length === 0 ? [] : ['--host-data', 'ab'.repeat(32)];
    const result = await podseal(['expectation', 'create', ...hostData, ...flags]);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
  });
});

describe('attest bundle', () => {
  it('puts report and certificates into one file that verifies without them', async () => {
    const { report, policy, leaf, chain, folder } = makeFiles();
    const file = join(folder, 'evidence.json');
    const made = await podseal([
      'attest',
      'bundle',
      report,
      '--leaf',
      leaf,
      '--chain',
      chain,
      '-o',
      file,
    ]);
    expect(made.status).toBe(0);
    expect(made.stderr).toContain('this evidence will be denied: chain-anchor');
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object)).toEqual([
      'format',
      'report',
      'certificates',
    ]);
    const verified = await podseal(['report', 'verify', file, '--policy', policy, ...AT]);
    expect(verified.stdout).toContain('[E_CHAIN_ANCHOR]');
    expect((await podseal(['report', 'show', file])).status).toBe(0);
  });

  it('takes certificates from a folder or service with the layout of the key service', async () => {
    const { report, policy, bytes, leafDer, pki, folder } = makeFiles();
    const chip = bytes.subarray(0x1a0, 0x1e0).toString('hex');
    const files = new Map<string, Uint8Array | string>([
      [`/vcek/v1/Milan/${chip}?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=219`, leafDer],
      ['/vcek/v1/Milan/cert_chain', pem(pki.ask) + pem(pki.ark)],
      ['/vcek/v1/Milan/crl', pki.makeCrl()],
    ]);
    mkdirSync(join(folder, 'vcek/v1/Milan'), { recursive: true });
    for (const [path, content] of files) writeFileSync(join(folder, path), content);
    const server = createServer((request, response) => {
      const content = files.get(request.url ?? '');
      response.writeHead(content === undefined ? 404 : 200).end(content);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bundles = [];
    for (const place of [folder, url]) {
      const made = await podseal(['attest', 'bundle', report, '--kds', place, '--kds-crl']);
      expect(made.status, made.stderr).toBe(0);
      bundles.push(made.stdout);
    }
    expect(bundles[0]).toBe(bundles[1]);
    const evidence = join(folder, 'evidence.json');
    writeFileSync(evidence, bundles[0] ?? '');
    const verified = await podseal(['report', 'verify', evidence, '--policy', policy, ...AT]);
    expect(verified.stdout).toContain('[E_CHAIN_ANCHOR]');
    server.close();
    const gone = await podseal(['attest', 'bundle', report, '--kds', 'http://127.0.0.1:1']);
    expect([gone.status, gone.stdout]).toEqual([4, '']);
    expect(gone.stderr).toContain('[KDS_UNREACHABLE]');
  });

  it('needs certificates', async () => {
    const { report } = makeFiles();
    const result = await podseal(['attest', 'bundle', report]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain(
      '--leaf, --thim, --certificate-table, --security-context or --kds',
    );
  });
});

const vectors = openSnpVectors();

const contexts = filesOf(vectors, 'security-context');

describe.runIf(contexts.includes('milan-v2-aci'))('real evidence', () => {
  const path = (file: string) => vectors?.path(file) ?? '';
  const context = path('security-context/milan-v2-aci');
  const report = path('reports/milan-v2-aci.bin');

  it('is allowed under the whole expectation, bundled or not', async () => {
    const folder = temporaryFolder();
    const expectation = join(folder, 'expectation.json');
    const evidence = join(folder, 'evidence.json');
    const created = await podseal([
      'expectation',
      'create',
      join(context, 'security-policy-base64'),
      '--uvm',
      'aci',
      '--uvm-minimum-svn',
      '22',
      '--minimum-tcb',
      'Milan:bl=3,snp=8,ucode=115',
      '-o',
      expectation,
    ]);
    expect(created.stderr).toBe(`wrote ${expectation}: 1 value(s) of HOST_DATA\n`);
    const flags = ['--expectation', expectation, ...AT];
    const direct = await podseal([
      'report',
      'verify',
      report,
      '--security-context',
      context,
      ...flags,
    ]);
    expect(direct.stdout).toMatch(/^allowed\n/);
    expect(direct.status).toBe(0);
    await podseal(['attest', 'bundle', report, '--security-context', context, '-o', evidence]);
    const bundled = await podseal(['report', 'verify', evidence, ...flags, '--json']);
    expect(bundled.status).toBe(0);
    expect(JSON.parse(bundled.stdout)).toMatchObject({
      verdict: 'allowed',
      reason: null,
      skipped: [],
      product: 'Milan',
      leaf: 'VCEK',
    });
  });

  it('is denied for another policy, after the validity and below the minimum', async () => {
    const verify = (...flags: string[]) =>
      podseal(['report', 'verify', report, '--security-context', context, ...flags]);
    const other = await verify('--policy', path('policies/allow_all.rego'), ...AT);
    expect([other.status, other.stdout.split('\n')[0]]).toEqual([
      10,
      'denied: HOST_DATA of another policy [E_HOST_DATA]',
    ]);
    const policy = ['--policy', join(context, 'security-policy-base64')];
    const late = await verify(...policy, '--at', '2040-01-01T00:00:00Z');
    expect(late.stdout).toContain('[E_CERT_TIME]');
    const trusting = await verify(
      ...policy,
      '--at',
      '2040-01-01T00:00:00Z',
      '--skip-chain-time-trust-expired',
    );
    expect(trusting.status).toBe(0);
  });

  it('comes with its policy in an annotation', async () => {
    const folder = temporaryFolder();
    const policy = readFileSync(join(context, 'security-policy-base64'), 'utf8').trim();
    const manifest = join(folder, 'pod.yaml');
    writeFileSync(
      manifest,
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n    io.katacontainers.config.agent.policy: ${policy}\n`,
    );
    const result = await podseal([
      'report',
      'verify',
      report,
      '--thim',
      path('thim/milan-v2-aci.json'),
      '--manifest',
      manifest,
      ...AT,
    ]);
    expect(result.status).toBe(0);
  });
});
