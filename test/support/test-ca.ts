/** A certificate authority of the test, and server certificates of it, made by the program openssl. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestCa {
  /** PEM file of the authority, for --ca-file. */
  readonly caFile: string;
  readonly folder: string;
  /** A key and certificate for the given DNS names and IP addresses: PEM texts and the files that hold them. */
  issue(names: readonly string[]): { key: string; cert: string; keyFile: string; certFile: string };
  remove(): void;
}

/** Makes an authority in a temporary folder. */
export function createTestCa(): TestCa {
  const folder = mkdtempSync(join(tmpdir(), 'podseal-ca-'));
  const openssl = (args: readonly string[]) =>
    execFileSync('openssl', args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl([
    ...['req', '-x509', ...newKey, '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '2'],
    ...['-subj', '/CN=podseal test CA', '-addext', 'basicConstraints=critical,CA:TRUE'],
  ]);
  let issued = 0;
  return {
    folder,
    caFile: join(folder, 'ca.pem'),
    issue(names) {
      issued += 1;
      const base = `server${issued}`;
      const isAddress = (name: string) => /^[\d.]+$|:/.test(name);
      const san = names.map((name) => `${isAddress(name) ? 'IP' : 'DNS'}:${name}`).join(',');
      writeFileSync(join(folder, `${base}.ext`), `subjectAltName=${san}\n`);
      openssl([
        ...['req', '-new', ...newKey, '-keyout', `${base}.key`, '-out', `${base}.csr`],
        ...['-subj', '/CN=podseal test server'],
      ]);
      openssl([
        ...['x509', '-req', '-in', `${base}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key'],
        ...['-CAcreateserial', '-days', '2', '-extfile', `${base}.ext`, '-out', `${base}.pem`],
      ]);
      const keyFile = join(folder, `${base}.key`);
      const certFile = join(folder, `${base}.pem`);
      return {
        keyFile,
        certFile,
        key: readFileSync(keyFile, 'utf8'),
        cert: readFileSync(certFile, 'utf8'),
      };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
