/** The library: the stages of podseal, and the effects that it ships for them. Re-exports only. */
export { CHECKS, type CheckName, type CheckRecord, type CheckResult } from './attest/checks.js';
export { type Evidence, parseEvidence, printEvidence } from './attest/evidence.js';
export { type Expectation, parseExpectation, printExpectation } from './attest/expectation.js';
export type { CertificateStore } from './attest/kds.js';
export type { Candidate, NearMiss } from './attest/near-miss.js';
export type { ProductLine, TrustedRoot } from './attest/products.js';
export { REASONS, type ReasonCode } from './attest/reasons.js';
export { parseReport, type SnpReport } from './attest/report.js';
export { type Verdict, verdictAsJson } from './attest/verdict.js';
export {
  type VerifyContext,
  verifyCertificates,
  verifyCertificateTable,
  verifyEndorsement,
  verifyEvidence,
  verifyHcl,
} from './attest/verify.js';
export {
  type DiffId,
  type Digest,
  parseDigest,
  type RootHash,
  type Sha256Hex,
} from './core/digest.js';
export { ERROR_CATALOGUE, type ErrorCode, ToolError } from './core/error.js';
export { makeDid } from './core/make-did-x509.js';
export type { Notice, NoticeSink } from './core/notice.js';
export { type ImageReference, parseReference } from './core/reference.js';
export { type SignedStatement, unpackStatement } from './core/signed-statement.js';
export { importOf } from './fragment/import-statement.js';
export type { ArtifactStore } from './fragment/ports.js';
export {
  attachFragment,
  discoverFragments,
  pullFragment,
  pushFragment,
} from './fragment/registry.js';
export { signFragment } from './fragment/sign.js';
export { type FragmentVerdict, verifyFragment } from './fragment/verify.js';
export {
  findImageFacts,
  mergeImageFacts,
  parseImageFacts,
  printImageFacts,
} from './image/facts.js';
export { parsePlatform } from './image/platform.js';
export { resolveImage } from './image/resolve.js';
export type {
  Descriptor,
  Image,
  ImageConfig,
  ImageSource,
  LayerFacts,
  LayerFormat,
} from './image/types.js';
export { openImageArchive } from './io/archives.js';
export { defaultCacheFolder, openLayerCache } from './io/cache.js';
export { openCertificateStore } from './io/certificate-store.js';
export { openCredentialStore } from './io/credentials/store.js';
export { openHashPool } from './io/hash-pool.js';
export { openImageMap } from './io/image-map.js';
export { openOciLayout } from './io/oci-layout.js';
export { openRegistryArtifacts } from './io/registry/artifacts.js';
export { openRegistrySource } from './io/registry/source.js';
export { createInlineHasher } from './layer/block-hash.js';
export { type HashedLayer, type HashLayerOptions, hashLayer } from './layer/hash-layer.js';
export type { BlockHasher, LayerCache } from './layer/ports.js';
export { measurePolicyText } from './measurement/host-data.js';
export { measureEncoded, measureInitdata } from './measurement/measure.js';
export { approveWithoutAsking, readWithAnswers } from './pipeline/aci/answers.js';
export { type AciRequest, type GeneratedAciPolicy, generateAci } from './pipeline/aci/generate.js';
export { type AciSources, readAciGroups } from './pipeline/aci/sources.js';
export { writeAciPolicies } from './pipeline/aci/write.js';
export { collectEvidence, type EvidenceInputs } from './pipeline/attest/collect.js';
export { createImageReader, obtainPolicyImage } from './pipeline/images.js';
export { measureFile } from './pipeline/measure-file.js';
export { type GeneratedPolicy, generateKata, type KataRequest, writePolicies } from './pipeline.js';
export { type AciGuest, findAciGuest } from './policy/aci/guests.js';
export { printAciPolicy } from './policy/aci/print.js';
export { findKataGuest, type KataGuest } from './policy/kata/guests.js';
export { parseSettings } from './policy/kata/settings.js';
export {
  buildReleasePolicy,
  printReleasePolicy,
  type ReleasePolicy,
} from './release/release-policy.js';
export type { ContainerGroup, WildcardApproval } from './workload/container-group.js';
