/** A report with its certificates as files, for tests of the program. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAmdPki, makeReport, POLICY_TEXT } from './amd-pki.js';
import { temporaryFolder } from './cli.js';
import { pem } from './evidence-files.js';

/** A time within the validity of the certificates. */
export const AT = ['--at', '2026-01-01T00:00:00Z'];

/** A report of a throw-away PKI with its certificates, as files. */
export function makeFiles() {
  const folder = temporaryFolder();
  const pki = createAmdPki('Milan');
  const { der, key } = pki.makeLeaf();
  const report = makeReport(key);
  const write = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  return {
    folder,
    write,
    pki,
    leafDer: der,
    report: write('report.bin', report),
    policy: write('policy.rego', POLICY_TEXT),
    leaf: write('leaf.der', der),
    chain: write('chain.pem', pem(pki.ask) + pem(pki.ark)),
    bytes: report,
  };
}
