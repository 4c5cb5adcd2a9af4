import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseThim, pemCertificates, readChain } from '../../src/attest/certificate-sources.js';
import { isDenial } from '../../src/attest/report.js';
import { ToolError } from '../../src/core/error.js';
import { createAmdPki } from '../support/amd-pki.js';
import { pem } from '../support/evidence-files.js';
import { thrownBy } from '../support/failure.js';
import { mutate, rollFrom } from '../support/mutate.js';
import { filesOf, openSnpVectors } from '../support/snp-vectors.js';

const PKI = createAmdPki('Milan');
const LEAF = PKI.makeLeaf().der;
const THIM = JSON.stringify({
  vcekCert: pem(LEAF),
  tcbm: 'DB18000000000004',
  certificateChain: pem(PKI.ask) + pem(PKI.ark),
  cacheControl: '86400',
});

describe('THIM answer', () => {
  it('holds the leaf and its chain', () => {
    const { leaf, chain } = parseThim(THIM, 'x.json');
    expect(Buffer.from(leaf)).toEqual(LEAF);
    expect(chain.map((bytes) => Buffer.from(bytes))).toEqual([PKI.ask, PKI.ark]);
  });

  it.each([
    ['{}', 'vcekCert is missing'],
    ['{"vcekCert": 1}', 'vcekCert has a wrong type'],
    ['{"vcekCert": "", "certificateChain": ""}', 'vcekCert of x.json is not one certificate'],
    ['{"vcekCert": "", "vcekCert": ""}', 'stands there twice'],
  ])('refuses %s', (text, message) => {
    expect(thrownBy(() => parseThim(text, 'x.json')).message).toContain(message);
  });

  it('is read or refused with a reason, however it is damaged', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const text = mutate(Buffer.from(THIM), rollFrom(seed)).toString('latin1');
        const chain = readChain({ kind: 'thim', text }, undefined, undefined);
        expect(isDenial(chain) ? chain.code : 'read').toMatch(/^(E_CHAIN_FORMAT|read)$/);
        try {
          parseThim(text, 'x');
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { seed: 0xc0de, numRuns: 300 },
    );
  });
});

describe('PEM', () => {
  it('gives certificates alone', () => {
    const other = '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';
    expect(pemCertificates(Buffer.from(`text\n${other}${pem(LEAF)}`), 'x')).toHaveLength(1);
    expect(pemCertificates(Buffer.from(''), 'x')).toEqual([]);
  });
});

const vectors = openSnpVectors();
const answers = filesOf(vectors, 'thim');

describe.runIf(answers.length > 0)('real THIM answers', () => {
  it.each(answers)('%s', (name) => {
    const text = vectors?.read(`thim/${name}`).toString() ?? '';
    const chain = readChain({ kind: 'thim', text }, undefined, 'VCEK');
    if (isDenial(chain)) throw new Error(chain.message);
    expect(chain.leaf.commonName).toBe('SEV-VCEK');
    expect(chain.intermediate.commonName).toMatch(/^SEV-(Milan|Genoa|Turin)$/);
    expect(chain.root.commonName).toMatch(/^ARK-(Milan|Genoa|Turin)$/);
  });
});
