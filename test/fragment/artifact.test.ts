import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Digest, sha256Digest } from '../../src/core/digest.js';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  addReferrer,
  buildArtifact,
  FRAGMENT_ARTIFACT_TYPE,
  INDEX_TYPE,
  isIndex,
  MANIFEST_TYPE,
  parseArtifact,
  parseIndex,
  referrersTag,
} from '../../src/fragment/artifact.js';
import { thrownBy } from '../support/failure.js';

const BYTES = Buffer.from('signed');
const SUBJECT = { mediaType: MANIFEST_TYPE, digest: sha256Digest('image'), size: 5 };
const artifact = buildArtifact(BYTES, 'a.rego.cose', SUBJECT);
const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const manifest = JSON.parse(artifact.bytes.toString()) as Record<string, unknown>;

describe('a manifest of a fragment', () => {
  it('is read as it was written, and is the same every time', () => {
    expect(parseArtifact(artifact, 'x')).toMatchObject({
      layer: { digest: sha256Digest(BYTES), size: BYTES.length },
      fileName: 'a.rego.cose',
      subject: SUBJECT.digest,
    });
    expect(buildArtifact(BYTES, 'a.rego.cose', SUBJECT).bytes).toEqual(artifact.bytes);
    expect(artifact.descriptor.digest).toBe(sha256Digest(artifact.bytes));
    expect(parseArtifact(buildArtifact(BYTES, 'a', undefined), 'x').subject).toBeUndefined();
  });

  it('may name its kind by the config, as OCI 1.0 did', () => {
    const { artifactType: _type, ...old } = manifest;
    const config = { mediaType: FRAGMENT_ARTIFACT_TYPE };
    expect(parseArtifact({ bytes: json({ ...old, config }) }, 'x').fileName).toBe('a.rego.cose');
  });

  it.each<[string, unknown]>([
    ['of another kind', { ...manifest, artifactType: 'x/y' }],
    ['of an image', { ...manifest, artifactType: undefined }],
    ['without layers', { ...manifest, layers: [] }],
    ['with two layers', { ...manifest, layers: [SUBJECT, SUBJECT] }],
    ['with a damaged layer', { ...manifest, layers: [{ ...SUBJECT, size: -1 }] }],
    ['that is a list', []],
  ])('%s is refused', (_what, value) => {
    expect(thrownBy(() => parseArtifact({ bytes: json(value) }, 'x')).code).toBe(
      'ARTIFACT_INVALID',
    );
  });

  it('throws nothing but its own errors for changed bytes', () => {
    fc.assert(
      fc.property(fc.nat(artifact.bytes.length - 1), fc.nat(255), (at, value) => {
        const bytes = Buffer.from(artifact.bytes);
        bytes[at] = value;
        try {
          parseArtifact({ bytes }, 'x');
          parseIndex(bytes, 'x');
        } catch (error) {
          if (!(error instanceof ToolError)) throw error;
        }
      }),
      { seed: 0xa47, numRuns: 500 },
    );
  });
});

describe('lists', () => {
  it('grow by one entry, which is not added twice', () => {
    const first = addReferrer(undefined, artifact.descriptor, 'x')!;
    expect(parseIndex(first, 'x')).toEqual([artifact.descriptor]);
    expect(addReferrer(first, artifact.descriptor, 'x')).toBeUndefined();
    const other = buildArtifact(BYTES, 'b', SUBJECT).descriptor;
    const second = addReferrer(first, other, 'x')!;
    expect(parseIndex(second, 'x')).toEqual([artifact.descriptor, other]);
    expect(isIndex({ bytes: second }, 'x')).toBe(true);
    expect(isIndex({ bytes: artifact.bytes }, 'x')).toBe(false);
    expect(isIndex({ bytes: second, mediaType: INDEX_TYPE }, 'x')).toBe(true);
  });

  it('have as many entries as the limit says, and no more', () => {
    const list = (count: number) =>
      json({ manifests: Array.from({ length: count }, () => SUBJECT) });
    expect(parseIndex(list(LIMITS.indexEntries), 'x')).toHaveLength(LIMITS.indexEntries);
    const over = thrownBy(() => parseIndex(list(LIMITS.indexEntries + 1), 'x'));
    expect(over.code).toBe('LIMIT_EXCEEDED');
  });

  it('stand behind a tag made of the digest', () => {
    expect(referrersTag(`sha256:${'a'.repeat(64)}` as Digest)).toBe(`sha256-${'a'.repeat(64)}`);
  });
});
