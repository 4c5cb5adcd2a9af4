import { describe, expect, it } from 'vitest';
import { verifyCertificateTable, verifyEvidence, verifyHcl } from '../../src/attest/verify.js';

describe('absent evidence', () => {
  it('is a denial, whatever is asked', () => {
    expect(verifyCertificateTable({}).verdict).toBe('denied');
    expect(verifyHcl({}).verdict).toBe('denied');
    expect(verifyEvidence({}, { skip: ['host-data', 'chain'] }, { time: 1 }).verdict).toBe(
      'denied',
    );
  });
});
