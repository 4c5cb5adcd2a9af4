/** What commands inside a confidential guest share: their options, and the ports that they open from them. */
import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { ToolError } from '../core/error.js';
import { LIMITS } from '../core/limits.js';
import { rememberReads } from '../core/remember.js';
import type { Certificate } from '../core/x509.js';
import { environment, millisecondsNow, secondsNow } from '../io/machine.js';
import type { ServiceClient } from '../io/services/client.js';
import { IDENTITY_SOURCES, type IdentitySource } from '../io/services/identity.js';
import { LOG_LEVELS, type LogLevel } from '../io/services/log.js';
import { completeCertificateSource } from '../keyrelease/collateral.js';
import { WRAP_ALGORITHMS, type WrapAlgorithm } from '../keyrelease/key-unwrap.js';
import type { SendRequest } from '../keyrelease/ports.js';
import { readSidecarArgs, type SidecarArgs } from '../keyrelease/sidecar-args.js';
import type { ReleasePorts } from '../pipeline/sidecar/release.js';
import { collectHost } from './host-options.js';

export interface GuestOptions {
  readonly base64: string;
  /** Taken in place of the base64 text. */
  readonly args?: SidecarArgs;
  readonly securityContext?: string;
  readonly guestProgram?: string;
  readonly identity: IdentitySource;
  readonly allowHost?: string[];
  readonly caFile?: string;
  readonly wrapAlgorithm?: WrapAlgorithm;
  readonly fakeEvidenceThatProvesNothing?: string;
}

/** How services are called. */
export interface CallLimits {
  /** To one host at a time. */
  readonly connections: number;
  /** Milliseconds for one call. */
  readonly timeoutMs: number;
}

const ONE_CALL: CallLimits = { connections: 8, timeoutMs: 30_000 };

/** Adds the options under "Evidence and services"; `variable` is that of the configuration. */
export function addGuestOptions(command: Command, variable = 'SkrSideCarArgs'): Command {
  return command
    .optionsGroup('Evidence and services:')
    .addOption(
      new Option('--base64 <text>', `configuration, the base64 of ${variable}`)
        .default('')
        .env(variable),
    )
    .option(
      '--security-context <dir>',
      'folder of certificates and endorsement (default: as the platform says)',
    )
    .option('--guest-program <file>', 'podseal-guest, which is asked for reports')
    .addOption(
      new Option('--identity <source>', 'where access tokens come from')
        .choices(IDENTITY_SOURCES)
        .default('auto'),
    )
    .option(
      '--allow-host <host>',
      'HOST[:PORT] that may get tokens and reports too (repeatable)',
      collectHost,
    )
    .option('--ca-file <file>', 'PEM file of certificate authorities to trust too')
    .addOption(
      new Option('--wrap-algorithm <name>', 'mechanism to ask the vault for').choices(
        Object.keys(WRAP_ALGORITHMS),
      ),
    )
    .option(
      '--fake-evidence-that-proves-nothing <url>',
      'REHEARSALS ONLY: reports of a made-up platform (`podseal simulate release --serve`)',
    );
}

export interface LogOptions {
  readonly logLevel: LogLevel;
  readonly logFile?: string;
}

/** Adds the options under "Log". */
export function addLogOptions(command: Command): Command {
  return command
    .optionsGroup('Log:')
    .addOption(
      new Option('--log-level <level>', 'least level of lines')
        .choices(LOG_LEVELS)
        .default('info')
        .env('LogLevel'),
    )
    .addOption(
      new Option('--log-file <file>', 'append to a file instead of stderr').env('LogFile'),
    );
}

export interface OpenGuest {
  readonly ports: ReleasePorts;
  readonly transfer: ServiceClient['transfer'];
  /** Content of reference-info-base64; empty where there is none. */
  readonly uvmBase64: string;
  /** The evidence is made up. */
  readonly fake: boolean;
  /** Files of the security context that are not there. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

/** Opens device, services and identity; nothing is sent yet but to a made-up platform. */
export async function openGuest(
  options: GuestOptions,
  newWrappingKey: ReleasePorts['newWrappingKey'],
  limits = ONE_CALL,
): Promise<OpenGuest> {
  const [
    { readCaFile },
    { sendAgain },
    { SigningKeys },
    { SharedAttestations },
    { parseCertificate },
  ] = await Promise.all([
    import('../io/registry/ca-file.js'),
    import('../io/services/retry.js'),
    import('../pipeline/sidecar/release.js'),
    import('../pipeline/sidecar/shared-attestation.js'),
    import('../core/x509.js'),
  ]);
  const args = options.args ?? readSidecarArgs(options.base64);
  const ca = options.caFile === undefined ? undefined : await readCaFile(options.caFile);
  const client = await openClient(ca, limits);
  const send = sendAgain(client.send);
  const { evidence, fake, place } = await openEvidence(options, args, send);
  const { uvmEndorsement } = place;
  const enc = options.wrapAlgorithm;
  return {
    uvmBase64: place.uvmBase64,
    fake,
    missing: place.missing,
    close: client.close,
    transfer: client.transfer,
    ports: {
      evidence,
      send,
      announce: client.announce,
      accessToken: await openTokens(options, args, client.send),
      newWrappingKey,
      attestations: new SharedAttestations(millisecondsNow),
      now: secondsNow,
      nonce: () => randomBytes(8).readBigUInt64BE(),
      roots: await trustedRoots(ca),
      readCertificate: rememberReads(parseCertificate, LIMITS.keptCertificates),
      listedHosts: listedHostsOf(options),
      signingKeys: new SigningKeys(),
      userAgent: () => args.userAgent ?? 'ConfidentialSkrContainer',
      ...(uvmEndorsement === undefined ? {} : { uvmEndorsement }),
      ...(enc === undefined ? {} : { enc }),
    },
  };
}

/** The hosts that the user listed. */
export const listedHostsOf = ({ allowHost }: GuestOptions): readonly string[] => allowHost ?? [];

async function openClient(
  ca: readonly string[] | undefined,
  limits: CallLimits,
): Promise<ServiceClient> {
  const { openServiceClient } = await import('../io/services/client.js');
  const common = { env: environment(), repeat: true };
  return openServiceClient({ ...limits, ...common, ...(ca && { ca }) });
}

/** Access tokens; sent for as it is, since the identity services have waits of their own. */
async function openTokens(
  { identity: source }: GuestOptions,
  { clientId }: SidecarArgs,
  send: SendRequest,
): Promise<ReleasePorts['accessToken']> {
  const [{ openIdentity }, { keepTokens }, requests] = await Promise.all([
    import('../io/services/identity.js'),
    import('../io/services/kept-tokens.js'),
    import('../keyrelease/identity-requests.js'),
  ]);
  const common = { source, send, env: environment(), requests };
  const fetch = openIdentity({ ...common, ...(clientId === undefined ? {} : { clientId }) });
  return keepTokens({ fetch, now: secondsNow });
}

/** The device, and where certificates of its reports come from. */
async function openEvidence(options: GuestOptions, args: SidecarArgs, send: SendRequest) {
  const [{ EvidenceCollector, readThimCollateral }, { makeGuestCheck }, place, device] =
    await Promise.all([
      import('../pipeline/sidecar/evidence.js'),
      import('../pipeline/sidecar/check.js'),
      openSecurityContext(options),
      openDevice(options, send),
    ]);
  // A made-up platform has its own certificates.
  const thim = options.fakeEvidenceThatProvesNothing?.replace(/^http:\/\//, '');
  const endpoint = thim === undefined ? '' : `${thim}/metadata/THIM/amd/certification`;
  const { certificates } = place;
  const evidence = new EvidenceCollector({
    device: device.device,
    send,
    source: args.certificates ?? completeCertificateSource('LocalTHIM', { endpoint }),
    ...(certificates && { initial: readThimCollateral(certificates.text, certificates.what) }),
    check: makeGuestCheck(secondsNow, device.roots),
  });
  return { evidence, fake: device.device.fake, place };
}

/** What the platform put beside the guest. */
async function openSecurityContext({ securityContext }: GuestOptions) {
  const [{ findSecurityContext }, { readSecurityContext, SECURITY_CONTEXT_FILES: names }] =
    await Promise.all([
      import('../io/security-context.js'),
      import('../attest/security-context.js'),
    ]);
  const { files, origin, missing } = await findSecurityContext(
    securityContext,
    environment(),
    names,
  );
  const { thim, uvmEndorsement } = readSecurityContext(files, origin);
  return {
    missing,
    uvmBase64: files.endorsement?.trim() ?? '',
    ...(thim === undefined ? {} : { certificates: { text: thim, what: names.certificates } }),
    ...(uvmEndorsement === undefined ? {} : { uvmEndorsement }),
  };
}

async function openDevice(options: GuestOptions, send: SendRequest) {
  const { fakeEvidenceThatProvesNothing: fake, guestProgram } = options;
  if (fake !== undefined) {
    const { openFakePlatform } = await import('../io/services/fake-platform.js');
    return await openFakePlatform(fake, send);
  }
  const { openReportDevice } = await import('../io/services/report-device.js');
  return { device: openReportDevice(guestProgram), roots: undefined };
}

/** Roots that a vault's certificate may chain to: those of TLS. */
async function trustedRoots(ca: readonly string[] | undefined): Promise<readonly Certificate[]> {
  const [{ rootCertificates }, { parseCertificates }] = await Promise.all([
    import('../io/services/roots.js'),
    import('../core/x509.js'),
  ]);
  return (ca ?? rootCertificates()).flatMap((pem) => {
    try {
      return parseCertificates(Buffer.from(pem), 'a trusted root');
    } catch (error) {
      // A root of the system that our strict reader refuses is one that is trusted less.
      if (error instanceof ToolError) return [];
      throw error;
    }
  });
}
