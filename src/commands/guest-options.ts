/** What commands inside a confidential guest share: their options, and the ports that they open from them. */
import { randomBytes } from 'node:crypto';
import { type Command, Option } from 'commander';
import { ToolError } from '../core/error.js';
import type { Certificate } from '../core/x509.js';
import { environment, secondsNow } from '../io/machine.js';
import type { ServiceClient } from '../io/services/client.js';
import { IDENTITY_SOURCES, type IdentitySource } from '../io/services/identity.js';
import { LOG_LEVELS, type LogLevel } from '../io/services/log.js';
import { completeCertificateSource } from '../keyrelease/collateral.js';
import { WRAP_ALGORITHMS, type WrapAlgorithm } from '../keyrelease/key-unwrap.js';
import { readSidecarArgs, type SidecarArgs } from '../keyrelease/sidecar-args.js';
import type { ReleasePorts } from '../pipeline/sidecar/release.js';
import { collect } from './context.js';

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

/** Milliseconds for a call to a service. */
const SERVICE_MS = 30_000;

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
      collect,
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
  connections = 8,
): Promise<OpenGuest> {
  const [
    { findSecurityContext },
    context,
    sidecar,
    { checkGuestEvidence },
    release,
    { openIdentity },
    requests,
  ] = await Promise.all([
    import('../io/security-context.js'),
    import('../attest/security-context.js'),
    import('../pipeline/sidecar/evidence.js'),
    import('../pipeline/sidecar/check.js'),
    import('../pipeline/sidecar/release.js'),
    import('../io/services/identity.js'),
    import('../keyrelease/identity-requests.js'),
  ]);
  const args = options.args ?? readSidecarArgs(options.base64);
  const [{ readCaFile }, { openServiceClient }] = await Promise.all([
    import('../io/registry/ca-file.js'),
    import('../io/services/client.js'),
  ]);
  const ca = options.caFile === undefined ? undefined : await readCaFile(options.caFile);
  const env = environment();
  const client = openServiceClient({
    timeoutMs: SERVICE_MS,
    env,
    connections,
    repeat: true,
    ...(ca && { ca }),
  });
  const { send } = client;
  const names = context.SECURITY_CONTEXT_FILES;
  const place = await findSecurityContext(options.securityContext, env, names);
  const { thim: certificates, uvmEndorsement } = context.readSecurityContext(
    place.files,
    place.origin,
  );
  const platform = await openDevice(options, client);
  // A made-up platform has its own certificates.
  const thim = options.fakeEvidenceThatProvesNothing?.replace(/^http:\/\//, '');
  const endpoint = thim === undefined ? '' : `${thim}/metadata/THIM/amd/certification`;
  const source = args.certificates ?? completeCertificateSource('LocalTHIM', { endpoint });
  const uvmBase64 = place.files.endorsement?.trim() ?? '';
  const evidence = new sidecar.EvidenceCollector({
    device: platform.device,
    send,
    source,
    ...(certificates === undefined
      ? {}
      : { initial: sidecar.readThimCollateral(certificates, names.certificates) }),
    check: (report, chain) => checkGuestEvidence(report, chain, secondsNow(), platform.roots),
  });
  const clientId = args.clientId === undefined ? {} : { clientId: args.clientId };
  const accessToken = openIdentity({
    source: options.identity,
    send,
    env,
    requests,
    ...clientId,
  });
  const enc = options.wrapAlgorithm;
  return {
    uvmBase64,
    fake: platform.device.fake,
    missing: place.missing,
    close: client.close,
    transfer: client.transfer,
    ports: {
      evidence,
      send,
      accessToken,
      newWrappingKey,
      now: secondsNow,
      nonce: () => randomBytes(8).readBigUInt64BE(),
      roots: await trustedRoots(ca),
      listedHosts: listedHostsOf(options),
      signingKeys: new release.SigningKeys(),
      userAgent: () => args.userAgent ?? 'ConfidentialSkrContainer',
      ...(uvmEndorsement === undefined ? {} : { uvmEndorsement }),
      ...(enc === undefined ? {} : { enc }),
    },
  };
}

/** The hosts that the user listed. */
export const listedHostsOf = ({ allowHost }: GuestOptions): readonly string[] =>
  (allowHost ?? []).map((host) => host.toLowerCase());

async function openDevice(options: GuestOptions, { send }: ServiceClient) {
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
