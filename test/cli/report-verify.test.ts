import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/core/limits.js';
import { POLICY_TEXT } from '../support/amd-pki.js';
import { podseal } from '../support/cli.js';
import { GUIDS, makeBoundReport, makeHcl, makeTable, pem } from '../support/evidence-files.js';
import { AT, makeFiles } from '../support/report-files.js';

describe('report verify', () => {
  it('needs an expectation', async () => {
    const { report } = makeFiles();
    const result = await podseal(['report', 'verify', report]);
    expect(result.status).toBe(2);
    expect(result.stdout).toBe('');
    expect(result.stderr).toContain('[USAGE_CONFLICT]');
    expect(result.stderr).toContain('--expectation FILE');
  });

  it('trusts no root but those of AMD', async () => {
    const { report, policy, leaf, chain } = makeFiles();
    const result = await podseal([
      'report',
      'verify',
      report,
      '--policy',
      policy,
      '--leaf',
      leaf,
      '--chain',
      chain,
      ...AT,
    ]);
    expect(result.status).toBe(10);
    expect(result.stdout).toContain(
      'denied: a root certificate that is not trusted [E_CHAIN_ANCHOR]',
    );
  });

  it('is denied without certificates', async () => {
    const { report, policy } = makeFiles();
    const result = await podseal(['report', 'verify', report, '--policy', policy, '--json', ...AT]);
    expect(result.status).toBe(10);
    expect(JSON.parse(result.stdout)).toMatchObject({
      format: 'podseal.verdict/v1',
      verdict: 'denied',
      reason: 'E_CHAIN_FORMAT',
    });
  });

  it('says what an expectation of one policy leaves open', async () => {
    const { report, policy } = makeFiles();
    const result = await podseal(['report', 'verify', report, '--policy', policy, ...AT]);
    expect(result.stderr).toContain('[no-minimum-tcb]');
    expect(result.stderr).toContain('[any-launch-measurement]');
  });

  it('reads files up to a limit', async () => {
    const { write, policy } = makeFiles();
    const verify = (size: number) =>
      podseal([
        'report',
        'verify',
        write('large', new Uint8Array(size)),
        '--policy',
        policy,
        ...AT,
      ]);
    expect((await verify(LIMITS.evidenceBytes)).status).toBe(10);
    const over = await verify(LIMITS.evidenceBytes + 1);
    expect(over.status).toBe(3);
    expect(over.stderr).toContain('[LIMIT_EXCEEDED]');
  });

  it('says loudly what is turned off', async () => {
    const { report, policy } = makeFiles();
    const flags = ['--skip-chain-trust-any-signer'];
    const result = await podseal(['report', 'verify', report, '--policy', policy, ...flags, ...AT]);
    expect(result.status).toBe(0);
    expect(result.stdout).toContain('allowed (NOT fully verified)');
    expect(result.stdout).toContain('TURNED OFF: chain-format, leaf-kind');
    expect(result.stderr).toContain('warning: chain is not verified');
  });

  it('does not take --skip-host-data together with a policy', async () => {
    const { report, policy } = makeFiles();
    const flags = ['--skip-host-data-trust-any-policy', '--policy', policy];
    const result = await podseal(['report', 'verify', report, ...flags]);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('[EXPECTATION_INVALID]');
  });

  it.each([
    ['a newline more', `${POLICY_TEXT}\n`, 'newline-removed'],
    ['a newline less', POLICY_TEXT.slice(0, -1), 'newline-added'],
    ['Windows line ends', POLICY_TEXT.replaceAll('\n', '\r\n'), 'lf'],
  ])('names the near miss of a policy with %s', async (_name, text, kind) => {
    const { report, write } = makeFiles();
    const flags = ['--policy', write('other.rego', text), '--skip-chain-trust-any-signer'];
    const result = await podseal(['report', 'verify', report, ...flags, '--json', ...AT]);
    expect(result.status).toBe(10);
    const { reason, checks } = JSON.parse(result.stdout) as {
      reason: string;
      checks: { check: string; nearMisses?: { kind: string }[] }[];
    };
    expect(reason).toBe('E_HOST_DATA');
    const record = checks.find(({ check }) => check === 'host-data');
    expect(record?.nearMisses?.map((miss) => miss.kind)).toEqual([kind]);
  });

  it('names the workload of a manifest whose policy it is', async () => {
    const { report, write } = makeFiles();
    const pod = (name: string, text: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  annotations:\n    io.katacontainers.config.agent.policy: ${Buffer.from(text).toString('base64')}\n`;
    const manifest = write(
      'pods.yaml',
      `${pod('a', 'package policy\n')}---\n${pod('b', POLICY_TEXT)}`,
    );
    const verify = (...flags: string[]) =>
      podseal([
        'report',
        'verify',
        report,
        '--manifest',
        manifest,
        '--skip-chain-trust-any-signer',
        ...flags,
      ]);
    expect((await verify('--workload', 'b')).status).toBe(0);
    const other = await verify('--workload', 'a');
    expect(other.status).toBe(10);
    expect(other.stdout).toContain('near: it is the measurement of another candidate (Pod b)');
    const unsaid = await verify();
    expect(unsaid.status).toBe(2);
    expect(unsaid.stderr).toContain('--workload with one of Pod a, Pod b');
  });

  it('reads certificates from each kind of file', async () => {
    const { report, policy, leaf, chain, pki, leafDer, write, folder } = makeFiles();
    const thim = JSON.stringify({
      vcekCert: pem(leafDer),
      certificateChain: pem(pki.ask) + pem(pki.ark),
    });
    const table = makeTable([
      [GUIDS.vcek, leafDer],
      [GUIDS.ask, pki.ask],
      [GUIDS.ark, pki.ark],
    ]);
    write('host-amd-cert-base64', Buffer.from(thim).toString('base64'));
    const sources = [
      ['--leaf', leaf, '--chain', chain],
      ['--leaf', write('all.pem', pem(leafDer) + pem(pki.ask) + pem(pki.ark))],
      ['--thim', write('thim.json', thim)],
      ['--certificate-table', write('table', table)],
      ['--security-context', folder],
    ];
    for (const source of sources) {
      const result = await podseal([
        'report',
        'verify',
        report,
        '--policy',
        policy,
        ...source,
        ...AT,
      ]);
      expect(result.stdout, source.join(' ')).toContain('[E_CHAIN_ANCHOR]');
    }
    const both = await podseal([
      'report',
      'verify',
      report,
      '--policy',
      policy,
      ...sources[0]!,
      ...sources[2]!,
    ]);
    expect(both.status).toBe(2);
  });

  it('reads HCL reports when told so', async () => {
    const { write, policy, pki } = makeFiles();
    const runtime = Buffer.from('{"keys": []}');
    const { report } = makeBoundReport(pki, runtime);
    const file = write('hcl.bin', makeHcl(report, runtime));
    const flags = ['--policy', policy, '--skip-chain-trust-any-signer'];
    const plain = await podseal(['report', 'verify', file, ...flags]);
    expect(plain.stdout).toContain('[E_LENGTH]');
    expect(plain.stdout).toContain(
      'hint: this is an HCL report of an Azure VM: give it with --hcl',
    );
    expect((await podseal(['report', 'verify', file, '--hcl', ...flags])).status).toBe(0);
  });

  it.each([
    [['--at', 'yesterday'], 'this is not a time'],
    [['--chain', 'x.pem'], 'does not exist'],
    [['--kds-crl'], '--kds-crl needs --kds'],
    [['--kds', 'ftp://host'], 'this is not the address of a certificate service'],
  ])('refuses %j', async (flags, message) => {
    const { report, policy } = makeFiles();
    const result = await podseal(['report', 'verify', report, '--policy', policy, ...flags]);
    expect(result.stderr).toContain(message);
    expect(result.status).not.toBe(0);
    expect(result.status).not.toBe(10);
  });
});
