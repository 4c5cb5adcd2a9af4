/** Every case of every file of the vectors of secure key release; a file that nobody knows, or a case that was not run, fails. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as checks from '../support/skr-checks.js';
import * as service from '../support/skr-service.js';
import type * as Vectors from '../support/skr-vectors.js';
import { allVectors, readVectors, SKR } from '../support/skr-vectors.js';
import type { AtEnd } from '../support/stand-ins.js';
import { vectorsDir } from '../support/vectors.js';

const folder = SKR ?? '';
const snp = vectorsDir('snp');

type Check = (one: object) => void | Promise<void>;

let running: service.SkrService;
const atEnd: (() => void | Promise<void>)[] = [];
const later: AtEnd = (close) => {
  atEnd.unshift(close);
};

/** A check of the cases of one file; what it reads in the file around them is its second argument. */
function of<F extends { readonly cases: readonly object[] }>(
  check: (one: F['cases'][number], file: F) => void | Promise<void>,
): (name: string) => Check {
  return (name) => {
    const file = readVectors<F>(name, folder);
    return (one) => check(one, file);
  };
}

const CHECKS: Readonly<Record<string, (name: string) => Check>> = {
  'akv-release.json': of<Vectors.ReleaseAnswerFile>(checks.checkReleaseAnswer),
  'cert-endpoints.json': of<Vectors.CertificateSourceFile>(checks.checkCertificateSource),
  'hkdf.json': of<Vectors.DerivedKeyFile>(checks.checkDerivedKey),
  'http-api.json': of<Vectors.HttpFile>((one) => service.checkHttp(one, running, later)),
  'import-key.json': of<Vectors.ImportFile>((one) => service.checkImport(one, running)),
  'jwks-runtime-data.json': of<Vectors.RuntimeDataFile>(checks.checkRuntimeData),
  'jws-form.json': of<Vectors.JwsFile>(checks.checkJws),
  'key-provider.json': of<Vectors.KeyProviderFile>(checks.checkKeyProvider),
  'keywrap.json': of<Vectors.KeyWrapFile>(checks.checkKeyWrap),
  'maa-request.json': of<Vectors.AttestationRequestFile>((one) => {
    if (snp === undefined) throw new Error('the cases need the set snp beside them');
    checks.checkAttestationRequest(one, folder);
  }),
  'maa-token.json': of<Vectors.TokenFile>(checks.checkToken),
  'release-policy.json': of<Vectors.ReleasePolicyFile>(async (one, file) => {
    checks.checkDecision(one, file);
    if (one.decision === 'unsure') await service.checkUnsure(one, running);
  }),
  'report-data.json': of<Vectors.ReportDataFile>((one) => service.checkReportData(one, running)),
  'rsa-aes-unwrap.json': of<Vectors.RsaAesUnwrapFile>(checks.checkRsaAesUnwrap),
  'token-redaction.json': of<Vectors.RedactionFile>(checks.checkRedaction),
  'x509.json': of<Vectors.X509File>(checks.checkX509),
};

/** Cases that held, by file. */
const held = new Map<string, number>();

describe.runIf(SKR)('secure key release vectors', () => {
  beforeAll(async () => {
    const http = readVectors<Vectors.HttpFile>('http-api.json', folder);
    const imports = readVectors<Vectors.ImportFile>('import-key.json', folder);
    running = await service.startSkrService(service.namesOf(http, imports), later);
  });

  afterAll(async () => {
    for (const close of atEnd) await close();
  });

  const files = SKR === undefined ? [] : allVectors(SKR);
  describe.each(files)('$name', ({ name, cases }) => {
    const check = CHECKS[name]?.(name);
    it.each(cases.map((one, index) => ({ id: 'id' in one ? one.id : `case ${index}`, one })))(
      '$id',
      async ({ one }) => {
        expect.hasAssertions();
        if (check === undefined) throw new Error(`nothing is known of the cases of ${name}`);
        await check(one);
        held.set(name, (held.get(name) ?? 0) + 1);
      },
    );
  });

  it('ask for a release as the service wants it', () => {
    checks.checkReleaseRequest(readVectors<Vectors.ReleaseAnswerFile>('akv-release.json', folder));
  });

  it('reach the services under their names, and nothing in clear text', () => {
    const { proxy, reached } = running;
    expect(proxy.plain).toEqual([]);
    expect(new Set(reached.map(({ url }) => new URL(url).protocol))).toEqual(new Set(['https:']));
    const attested = reached.filter(({ url }) => url.includes('/attest/'));
    expect(attested.length).toBeGreaterThan(1);
    for (const { headers } of attested) expect(headers['content-type']).toBe('application/json');
  });

  it('were all run', () => {
    const wanted = files.map(({ name, cases }) => [name, cases.length]);
    expect(wanted.length).toBeGreaterThanOrEqual(Object.keys(CHECKS).length);
    expect(Object.fromEntries(held)).toEqual(Object.fromEntries(wanted));
  });
});
