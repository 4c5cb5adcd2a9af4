/**
 * The one error class and the catalogue of its codes. A code is stable: scripts may test for it. The catalogue gives
 * the exit status of each (table of exit codes: README) and a default hint.
 */

/** Exit statuses of the program. A verdict or a difference is a result, not an error, and has no code here. */
export const EXIT = {
  ok: 0,
  bug: 1,
  usage: 2,
  input: 3,
  unreachable: 4,
  integrity: 5,
  denied: 10,
  differs: 11,
  interrupted: 130,
} as const;

interface CatalogueRow {
  readonly exit: number;
  readonly meaning: string;
}

const row = (exit: number, meaning: string): CatalogueRow => ({ exit, meaning });

/** Every error code with its exit status and one line of meaning. Extend it, never reuse a code. */
export const ERROR_CATALOGUE = {
  INTERNAL: row(EXIT.bug, 'a bug in podseal'),
  INTERRUPTED: row(EXIT.interrupted, 'stopped by the user; nothing was left behind'),
  USAGE_UNKNOWN_FLAG: row(EXIT.usage, 'a flag or command that does not exist'),
  USAGE_CONFLICT: row(EXIT.usage, 'flags that exclude each other, or a missing or invalid value'),
  FILE_NOT_FOUND: row(EXIT.input, 'a file that does not exist or cannot be read'),
  FILE_NOT_TEXT: row(EXIT.input, 'a file that is not UTF-8 text'),
  FILE_WRITE_FAILED: row(EXIT.input, 'a file that cannot be written'),
  FILE_OUTSIDE: row(EXIT.input, 'a file that an input names in a folder where it may name none'),
  LIMIT_EXCEEDED: row(EXIT.input, 'an input beyond a documented limit'),
  JSON_SYNTAX: row(EXIT.input, 'text that is not valid JSON'),
  MANIFEST_SYNTAX: row(EXIT.input, 'text that is not valid YAML'),
  MANIFEST_INVALID: row(
    EXIT.input,
    'a manifest field with a wrong type or value, or a missing one',
  ),
  MANIFEST_UNKNOWN_FIELD: row(EXIT.input, 'a manifest field that podseal does not know'),
  MANIFEST_UNSUPPORTED: row(EXIT.input, 'a manifest field or kind that this target cannot enforce'),
  MANIFEST_REFERENCE_MISSING: row(
    EXIT.input,
    'a ConfigMap, Secret or key that no input document defines',
  ),
  MANIFEST_TARGET_UNKNOWN: row(EXIT.input, 'a manifest from which the target cannot be inferred'),
  MANIFEST_NOT_EDITABLE: row(
    EXIT.input,
    'a manifest into which the policy cannot be written in place',
  ),
  ARM_EXPRESSION: row(
    EXIT.input,
    'a template expression that is not valid or whose values do not fit',
  ),
  ARM_UNKNOWN_VALUE: row(
    EXIT.input,
    'a template value that is known at deployment only, where the policy needs it now',
  ),
  SETTINGS_INVALID: row(EXIT.input, 'a settings or rules file that does not fit'),
  IMAGE_REFERENCE_INVALID: row(EXIT.input, 'text that is not an image reference'),
  IMAGE_NOT_FOUND: row(
    EXIT.input,
    'an image that the given layout, archive, map or facts do not hold',
  ),
  IMAGE_PLATFORM_MISSING: row(EXIT.input, 'an image that does not exist for the wanted platform'),
  IMAGE_UNSUPPORTED: row(
    EXIT.input,
    'an image format that cannot be hashed (schema 1, encrypted, foreign)',
  ),
  IMAGE_STORE_UNSUPPORTED: row(EXIT.input, 'a store of images that podseal does not read'),
  IMAGE_INVALID: row(EXIT.input, 'a manifest, index, config or archive that contradicts itself'),
  IMAGE_MAP_INVALID: row(EXIT.input, 'an image map that does not name local images'),
  IMAGE_FACTS_INVALID: row(EXIT.input, 'an image facts file that does not fit its schema'),
  IMAGE_USER_UNRESOLVED: row(EXIT.input, 'a user or group that the image does not define'),
  LAYER_FORMAT_UNSUPPORTED: row(EXIT.input, 'a layer encoding that cannot be read'),
  LAYER_CORRUPT: row(EXIT.input, 'compressed data that is damaged or ends early'),
  LAYER_INVALID: row(EXIT.input, 'a tar that the guest format refuses'),
  POLICY_UNREADABLE: row(EXIT.input, 'text that is not a policy of a known kind'),
  POLICY_SELF_CHECK_FAILED: row(
    EXIT.input,
    'a generated policy under which its own workload would not start',
  ),
  REQUEST_INVALID: row(EXIT.input, 'a guest request that does not fit its message'),
  ENGINE_ABSENT: row(
    EXIT.input,
    'a policy that only the native part can evaluate, which is not built',
  ),
  RELEASE_POLICY_INVALID: row(EXIT.input, 'a key release policy that must not be stored'),
  SERVICE_HOST_REFUSED: row(EXIT.usage, 'a host that no token or report may be sent to'),
  KEY_ID_INVALID: row(EXIT.usage, 'text that is not the name of a key'),
  IDENTITY_FAILED: row(EXIT.unreachable, 'an identity service that gives no access token'),
  KEY_CONFIG_INVALID: row(
    EXIT.input,
    'a key, key configuration or key information file that does not fit',
  ),
  SIDECAR_REQUEST_INVALID: row(EXIT.input, 'a request to the side-car that does not fit'),
  DEVICE_ABSENT: row(EXIT.unreachable, 'an SNP device that is not there'),
  DEVICE_FAILED: row(EXIT.unreachable, 'an SNP device that gives no usable report'),
  COLLATERAL_MISMATCH: row(EXIT.denied, 'certificates that do not fit the report'),
  COLLATERAL_UNAVAILABLE: row(EXIT.unreachable, 'a certificate source that gives none'),
  ATTESTATION_REFUSED: row(EXIT.denied, 'evidence or a token that is refused'),
  KEY_RELEASE_REFUSED: row(EXIT.denied, 'a key that is not released, or an answer that is refused'),
  VAULT_REFUSED: row(EXIT.denied, 'a request that the key vault refuses'),
  VAULT_ANSWER_INVALID: row(EXIT.unreachable, 'an answer of the key vault that does not fit'),
  KEY_UNWRAP_FAILED: row(EXIT.denied, 'a wrapped key that the released key does not open'),
  SERVICE_UNREACHABLE: row(EXIT.unreachable, 'a service that cannot be reached or breaks off'),
  SERVER_FAILED: row(EXIT.unreachable, 'a server that cannot listen'),
  SERVER_BUSY: row(EXIT.unreachable, 'a server that works on as many requests as it may'),
  SERVICE_TIMEOUT: row(EXIT.unreachable, 'a service that does not answer in time'),
  TOKEN_INVALID: row(EXIT.input, 'a token or a file of claims that does not fit'),
  KEY_PROVIDER_INPUT: row(EXIT.input, 'a message of the key provider that does not fit'),
  SIDECAR_ARGS_INVALID: row(EXIT.usage, 'a configuration of the side-car that does not fit'),
  ENCFS_CONFIG_INVALID: row(
    EXIT.input,
    'a configuration of encrypted filesystems that does not fit',
  ),
  ENCFS_IMAGE_INVALID: row(EXIT.input, 'an image that is absent or no LUKS2 image'),
  ENCFS_HEADER_REFUSED: row(
    EXIT.integrity,
    'a LUKS2 header that asks for something else than strong encryption',
  ),
  ENCFS_KEY_REFUSED: row(EXIT.denied, 'a released key that does not open its image'),
  ENCFS_COMMAND_FAILED: row(
    EXIT.unreachable,
    'a program of the system that is absent, fails or takes too long',
  ),
  BLOB_REFUSED: row(EXIT.unreachable, 'a blob that the storage account does not give as asked'),
  ENCFS_CLOSE_FAILED: row(EXIT.unreachable, 'a filesystem that is still in use at the end'),
  CERTIFICATE_SOURCE_INVALID: row(
    EXIT.input,
    'a certificate source or its answer that does not fit',
  ),
  REGISTRY_UNREACHABLE: row(EXIT.unreachable, 'a registry that cannot be reached or fails'),
  REGISTRY_TIMEOUT: row(EXIT.unreachable, 'a registry that does not answer in time'),
  REGISTRY_UNAUTHORIZED: row(EXIT.unreachable, 'a registry that refuses the credentials'),
  REGISTRY_NOT_FOUND: row(EXIT.unreachable, 'an image that the registry does not have'),
  REGISTRY_RATE_LIMITED: row(EXIT.unreachable, 'a registry that asks to come back later'),
  REGISTRY_REDIRECT_REFUSED: row(EXIT.unreachable, 'a redirect to a place that is not allowed'),
  REGISTRY_REALM_REFUSED: row(
    EXIT.unreachable,
    'a token service that credentials must not be sent to',
  ),
  REGISTRY_PROTOCOL: row(EXIT.unreachable, 'an answer that is not that of a registry'),
  REGISTRY_OFFLINE: row(EXIT.unreachable, 'a registry that is needed although --offline is set'),
  AUTH_CONFIG_INVALID: row(EXIT.input, 'a credentials file that does not fit'),
  AUTH_HELPER_FAILED: row(EXIT.unreachable, 'a credential helper that fails'),
  DER_INVALID: row(EXIT.input, 'bytes that are not strict DER'),
  PEM_INVALID: row(EXIT.input, 'a PEM file that is damaged'),
  CBOR_INVALID: row(EXIT.input, 'bytes that are not strict CBOR'),
  COSE_INVALID: row(EXIT.input, 'bytes that are not a COSE_Sign1 document of the expected form'),
  DID_INVALID: row(
    EXIT.input,
    'an issuer that is no did:x509 or that the certificates do not bear',
  ),
  KEY_INVALID: row(EXIT.input, 'a key that cannot be read or does not fit'),
  CERTIFICATE_INVALID: row(EXIT.input, 'a certificate that is damaged or cannot be used'),
  EXPECTATION_INVALID: row(EXIT.usage, 'an expectation that is damaged or asks for nothing'),
  EVIDENCE_INVALID: row(EXIT.input, 'an evidence file that does not fit'),
  REPORT_INVALID: row(EXIT.input, 'bytes that are not an attestation report of a known version'),
  COLLATERAL_INVALID: row(EXIT.input, 'a source of certificates that does not fit its format'),
  KDS_UNREACHABLE: row(EXIT.unreachable, 'a key distribution service that fails or has no answer'),
  FRAGMENT_INVALID: row(EXIT.input, 'a fragment, or a file of imports, that does not fit'),
  ARTIFACT_INVALID: row(EXIT.input, 'what a registry has is not a fragment, or a damaged list'),
  SIGN_COMMAND_FAILED: row(EXIT.unreachable, 'a program that should sign and does not'),
  TRUST_LIST_INVALID: row(EXIT.input, 'a list of ledger keys that cannot be used'),
  SIGNATURE_INVALID: row(EXIT.integrity, 'a signature that is not by the key that it should be by'),
  DIGEST_MISMATCH: row(EXIT.integrity, 'bytes that do not match their digest'),
  SIZE_MISMATCH: row(EXIT.integrity, 'bytes that do not match their size'),
} as const satisfies Record<string, CatalogueRow>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** What an error knows beside its message. */
export interface ErrorDetails {
  /** `file:line:column` and/or a path such as `spec.containers[0].image`. */
  readonly where?: string;
  readonly want?: string;
  readonly got?: string;
  /** What the user can do, most likely remedy first. */
  readonly hints?: readonly string[];
  /** Further errors of the same input, each complete in itself. */
  readonly also?: readonly ToolError[];
  readonly cause?: unknown;
}

/** Any failure that podseal expects. Whatever else is thrown is a bug. The message is lower case, without full stop. */
export class ToolError extends Error {
  readonly code: ErrorCode;
  readonly where: string | undefined;
  readonly want: string | undefined;
  readonly got: string | undefined;
  readonly hints: readonly string[];
  readonly also: readonly ToolError[];

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'ToolError';
    this.code = code;
    this.where = details.where;
    this.want = details.want;
    this.got = details.got;
    this.hints = details.hints ?? [];
    this.also = details.also ?? [];
  }

  /** Exit status of the program when it ends with this error. */
  get exit(): number {
    return ERROR_CATALOGUE[this.code].exit;
  }
}

/** Throws all of `errors` as one: the first carries the others in `also`. Does nothing for an empty list. */
export function throwAll(errors: readonly ToolError[]): void {
  const [first, ...rest] = errors;
  if (first === undefined) return;
  if (rest.length === 0) throw first;
  throw new ToolError(first.code, first.message, {
    ...(first.where === undefined ? {} : { where: first.where }),
    ...(first.want === undefined ? {} : { want: first.want }),
    ...(first.got === undefined ? {} : { got: first.got }),
    hints: first.hints,
    also: rest,
    cause: first.cause,
  });
}
