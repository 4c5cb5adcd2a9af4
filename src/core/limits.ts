/** Every cap on untrusted input, with its reason. Passing one is an error (LIMIT_EXCEEDED), never a truncation. */

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const LIMITS = {
  /** A YAML, template, settings, rules or facts file: the largest real ones are a few MiB. */
  textFileBytes: 64 * MIB,
  /** YAML nesting: Kubernetes objects stay below 30. */
  yamlDepth: 100,
  /** YAML aliases in one file: an alias bomb needs many. */
  yamlAliases: 100,
  /** YAML nodes of one file after expansion of aliases. */
  yamlNodes: 1_000_000,
  /** JSON nesting. */
  jsonDepth: 64,
  /** Nesting of a JSON tree (ARM template): nested deployments add about 10 levels each. */
  jsonTreeDepth: 200,
  /** Values of a JSON tree: the largest template that Azure takes has 4 MiB. */
  jsonTreeNodes: 1_000_000,
  /** Digits of one number: converting them takes quadratic time. */
  jsonNumberChars: 400,
  /** Characters of one template expression: Azure takes no longer one. */
  armExpressionChars: 24_576,
  /** Characters of a text in which the reference's partial evaluation looks for expressions. */
  armReplacedChars: 1 * MIB,
  /** Nesting within one template expression; real ones stay below 20. */
  armExpressionDepth: 100,
  /** Steps of one template's evaluation: function calls, references and values made. */
  armSteps: 2_000_000,
  /** Nested evaluation: variables of variables, functions of functions, values in values. */
  armDepth: 500,
  /** Characters and items that the evaluation of one template may produce, summed over all steps. */
  armOutput: 64 * MIB,
  /** Instances of one copy loop: Azure takes no more. */
  armCopyCount: 800,
  /** Nested and linked templates within each other; Azure takes 5 nested ones. */
  armTemplateDepth: 20,
  /** Linked template files of one deployment. */
  armLinkedTemplates: 200,
  /** Container groups of one template: Azure takes 800 resources. */
  armGroups: 800,
  /** A manifest, index or image config (registries themselves cap at 4 MiB). */
  manifestBytes: 4 * MIB,
  /** Entries of one image index. */
  indexEntries: 1_000,
  /** Nested indexes. */
  indexDepth: 3,
  /** Layers of an image (overlayfs itself allows about 500, containerd 127). */
  imageLayers: 512,
  /** Members of an outer OCI or docker archive. */
  archiveMembers: 100_000,
  /** PAX, long-name and long-link data of one tar entry; Go's archive/tar refuses more. */
  tarExtensionBytes: 1 * MIB,
  /** Entries of one layer: each costs about 300 bytes of memory. */
  tarEntries: 2_000_000,
  /** Names and link targets of one layer held in memory: a million names of 200 bytes pass. */
  tarNameBytes: 256 * MIB,
  /** External attribute blocks of one layer that later entries may still change: 4 KiB of memory each. */
  openXattrBlocks: 32_768,
  /** Text of /etc/passwd or /etc/group in a layer. */
  userFileBytes: 16 * MIB,
  /** Members of one layer that concern /etc/passwd or /etc/group: real layers have at most two. */
  userFileEntries: 64,
  /** Uncompressed size that any layer may have whatever its compression ratio. */
  layerFreeBytes: 5 * GIB,
  /** Beyond layerFreeBytes: uncompressed bytes per compressed byte. Real layers stay below 20; deflate ends at 1032. */
  layerRatio: 200,
  /** Uncompressed size of a layer (the ext4 image of the guest is limited to the same). */
  layerBytes: 128 * GIB,
  /** Header of one gzip member: the extra field alone may have 64 KiB; names are short. */
  gzipHeaderBytes: 256 * KIB,
  /** Window of a zstd frame, which a decoder holds in memory: what the zstd program accepts unasked. */
  zstdWindowBytes: 128 * MIB,
  /** Answer of a token service or credential helper. */
  tokenBytes: 1 * MIB,
  /** Redirects followed for one blob. */
  redirects: 5,
  /** A policy text: the kata agent loads no larger one. */
  policyTextBytes: 16 * MIB,
  /** Containers of one policy: pods have at most a few dozen. */
  policyContainers: 1_000,
  /** Characters that the references of one container's variables may produce, summed over all steps. */
  referenceChars: 64 * MIB,
  /** Characters of an error text: the agent's whole answer has at most 4 MiB. */
  errorTextChars: 4 * MIB,
  /** Characters of a pattern that a text is made up for, and of that text: names and paths are far below. */
  sampleChars: 16_384,
  /** GPUs of one container: each is a device in the policy, and no node has more than a few dozen. */
  gpus: 1_000,
  /** A key release policy; the service names no limit, real ones have a few KiB. */
  releasePolicyBytes: 256 * KIB,
  /** Conditions of one release policy, groups included. */
  releasePolicyConditions: 10_000,
  /** Nested groups of a release policy; real ones have two. */
  releasePolicyDepth: 8,
  /** Characters of a token or signed answer: real ones have a few thousand, with certificates twenty thousand. */
  jwsChars: 1 * MIB,
  /** Body of a request to the side-car. */
  sidecarRequestBytes: 1 * MIB,
  /** Body of an answer of the attestation service or the key vault. */
  serviceAnswerBytes: 1 * MIB,
  /** Configuration of encrypted filesystems: as base64 it has to fit into one environment variable (128 KiB). */
  encfsConfigBytes: 64 * KIB,
  /** Encrypted filesystems of one side-car: each is a key release and a mount; examples have one or two. */
  encfsFilesystems: 32,
  /** Characters of a path: Linux takes no longer one. */
  pathChars: 4_095,
  /** Head of an encrypted image, which holds its header: where cryptsetup puts the data unless told otherwise. */
  luksHeaderBytes: 16 * MIB,
  /** Metadata of a LUKS2 header as JSON: the format allows no more. */
  luksMetadataBytes: 4 * MIB,
  /** Complaints of a program of the system that are kept. */
  programComplaintBytes: 64 * KIB,
  /** Time for one run of cryptsetup, mount or umount: recovering a journal takes seconds. */
  programMs: 120_000,
  /** Memory in which a policy is evaluated as WebAssembly: a policy of 100 containers takes 10 MiB. */
  regoMemoryBytes: 512 * MIB,
  /** Requests of one simulation: a session of a guest has a few hundred. */
  simulatedRequests: 100_000,
  /** Regular expressions kept compiled while a policy is loaded: a pod with a hundred mounts has that many. */
  regoPatterns: 1_000,
  /** Regular expressions that are run without a full engine: their length, and the steps of their program. */
  simplePatternChars: 4_096,
  simplePatternSteps: 5_000,
  /** A CBOR document: a signed fragment of the largest policy text, with its certificates. */
  cborBytes: 17 * MIB,
  /** CBOR nesting: what the guest's decoder allows. */
  cborDepth: 32,
  /** Items of one CBOR document, nested ones included: a signed fragment has some dozens. */
  cborItems: 131_072,
  /** A certificate: real ones have at most a few KiB. */
  certificateBytes: 64 * KIB,
  /** Certificates that a side-car keeps read: those of its processor and of some vaults. */
  keptCertificates: 64,
  /** Certificates of one chain: the guest's checker refuses more. */
  chainCertificates: 100,
  /** Inclusion proofs of one receipt: ledgers write one. */
  inclusionProofs: 16,
  /** A blob that is attached to an image and read whole: a signed fragment. */
  artifactBytes: 17 * MIB,
  /** Images of one index that are asked what is attached to them: each is a request. */
  referrerSubjects: 32,
  /** Pages of a registry's answer about referrers. */
  referrerPages: 16,
  /** A signature that a program gives: that of an RSA key of 16384 bits has 2048. */
  signatureBytes: 8 * KIB,
  /** Fragments that one policy takes containers from, nested imports included. */
  fragments: 100,
  /** Items of a list that are compared with each other when they are not equal: pairing takes quadratic time. */
  unlikeItems: 1_000,
  /** Ledgers of one trust list, and keys of one ledger: real lists have a few of each. */
  ledgers: 1_000,
  ledgerKeys: 1_000,
  /** Signature checks of one path search: what the guest's library allows. */
  chainSignatures: 100,
  /** Characters of a did:x509 identifier: real ones stay below 200. */
  didChars: 4_096,
  /** A PEM file: a chain of 100 certificates of a few KiB each. */
  pemBytes: 1 * MIB,
  /** Parts of one DER list: a certificate with a hundred names has a hundred. */
  derElements: 10_000,
  /** Content octets of a DER integer: an RSA modulus of 16384 bits has 2049. */
  derIntegerBytes: 4 * KIB,
  /** Content octets of an object identifier. */
  oidBytes: 128,
  /** Entries of a certificate table: hypervisors give four. */
  certificateTableEntries: 64,
  /** A revocation list of AMD: one entry for each intermediate certificate ever revoked. */
  crlBytes: 1 * MIB,
  /** An endorsement of a utility VM: real ones have 11 KiB. */
  endorsementBytes: 256 * KIB,
  /** Any file with a report, certificates or evidence: each has a few KiB. */
  evidenceBytes: 4 * MIB,
  /** Values of one list of an expectation: measurements of all workloads of a fleet. */
  expectationValues: 10_000,
  /** Time for one request to a certificate service. */
  certificateRequestMs: 30_000,
} as const;
