/**
 * Platforms: text form, and which entries of an index can run on a wanted platform. The rules are those of containerd,
 * which makes the same choice when the guest's image is pulled: an older variant of the same architecture will do.
 */
import { ToolError } from '../core/error.js';
import type { Platform } from './types.js';

/** What confidential guests run. */
export const DEFAULT_PLATFORM: Platform = { os: 'linux', architecture: 'amd64' };

const WORD = /^[a-z0-9_.-]+$/;

/** Names that other tools use for the architectures of Go, which image indexes use. */
const ARCHITECTURE_ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  armhf: 'arm/v7',
};

/** The variant that an absent one stands for. Architectures not listed here have no order of variants. */
const BASE_VARIANT: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8', arm: 'v7' };

/** `os/architecture[/variant]`, in lower case. Throws USAGE_CONFLICT. */
export function parsePlatform(text: string): Platform {
  const [os, architecture, variant, ...rest] = text.split('/');
  const words = [os, architecture, ...(variant === undefined ? [] : [variant])];
  if (rest.length > 0 || !words.every((word) => word !== undefined && WORD.test(word))) {
    throw invalid(text, []);
  }
  const alias = Object.hasOwn(ARCHITECTURE_ALIASES, architecture!)
    ? ARCHITECTURE_ALIASES[architecture!]
    : undefined;
  if (alias !== undefined) throw invalid(text, [`write ${os}/${alias}`]);
  return { os: os!, architecture: architecture!, ...(variant === undefined ? {} : { variant }) };
}

/** `os/architecture[/variant]`. */
export function printPlatform(platform: Platform): string {
  const variant = platform.variant === undefined ? '' : `/${platform.variant}`;
  return `${platform.os}/${platform.architecture}${variant}`;
}

/**
 * How well `offered` runs on `wanted`: undefined if it does not, else a rank, higher is better. An absent variant is the
 * base one (amd64 v1, arm64 v8, arm v7); a lower variant runs on a higher one, not the other way round.
 */
export function rankPlatform(offered: Platform, wanted: Platform): number | undefined {
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return undefined;
  const base = BASE_VARIANT[wanted.architecture];
  const offeredVariant = offered.variant || base || '';
  const wantedVariant = wanted.variant || base || '';
  if (offeredVariant === wantedVariant) return Number.MAX_SAFE_INTEGER;
  const offeredLevel = levelOf(offeredVariant);
  const wantedLevel = levelOf(wantedVariant);
  if (base === undefined || offeredLevel === undefined || wantedLevel === undefined) {
    return undefined;
  }
  return offeredLevel < wantedLevel ? offeredLevel : undefined;
}

/** True if `offered` runs on `wanted`. */
export function isPlatformMatch(offered: Platform, wanted: Platform): boolean {
  return rankPlatform(offered, wanted) !== undefined;
}

/** `v8.2` -> 8002. */
function levelOf(variant: string): number | undefined {
  const match = /^v([0-9]{1,3})(?:\.([0-9]{1,3}))?$/.exec(variant);
  return match ? Number(match[1]) * 1000 + Number(match[2] ?? 0) : undefined;
}

function invalid(text: string, hints: readonly string[]): ToolError {
  return new ToolError(
    'USAGE_CONFLICT',
    'platform is not os/architecture or os/architecture/variant',
    {
      want: 'e.g. linux/amd64, in lower case',
      got: text,
      hints,
    },
  );
}
