/** Options that several commands share, and their values. */
import type { Command } from 'commander';
import { ToolError } from '../core/error.js';
import type { LayerFormat } from '../image/types.js';
import type { GuestOs } from '../rego/aci/guest-data.js';
import type { RegoEngine } from '../rego/ports.js';
import { collect } from './context.js';

const FORMATS: Readonly<Record<string, LayerFormat>> = {
  aci: 'ext4',
  vn2: 'ext4',
  aks: 'tarfs',
};

/** `--for aci|vn2|aks` -> the layer format of that guest. Throws USAGE_CONFLICT. */
export function parseFor(text: string): LayerFormat {
  const format = Object.hasOwn(FORMATS, text) ? FORMATS[text] : undefined;
  if (format !== undefined) return format;
  throw new ToolError('USAGE_CONFLICT', 'there are no layer hashes for this target', {
    want: '--for aci, vn2 or aks',
    got: text,
    hints:
      text === 'kata'
        ? ['upstream kata pulls images in the guest: its policies hold no layer hashes']
        : [],
  });
}

/** A measurement in another spelling. */
export function encodeHex(hex: string, encoding: 'hex' | 'base64' | 'base64url'): string {
  return Buffer.from(hex, 'hex').toString(encoding);
}

/** `--engine native|wasm`; without it the one that can run a policy is chosen for it. Throws USAGE_CONFLICT. */
export async function openEngine(name: string | undefined): Promise<RegoEngine> {
  if (name === 'native') return (await import('../io/rego-native.js')).openNativeEngine();
  if (name === 'wasm') return (await import('../io/rego-wasm.js')).openWasmEngine();
  if (name === undefined) return (await import('../io/rego-engines.js')).openRegoEngines();
  throw new ToolError('USAGE_CONFLICT', 'there is no such engine', {
    want: '--engine native or wasm',
    got: name,
  });
}

/** `--os`. Throws USAGE_CONFLICT for anything but the two systems. */
export function readOs(os: string): GuestOs {
  if (os === 'linux' || os === 'windows') return os;
  throw new ToolError('USAGE_CONFLICT', 'there is no such guest system', {
    want: '--os linux or windows',
    got: os,
  });
}

/** Adds the options of commands that decide requests: which policy, by which guest and engine, with which fragments. */
export function addPolicyOptions(command: Command): Command {
  return command
    .optionsGroup('Policy:')
    .option('--workload <name>', 'the workload of a manifest with several policies')
    .option(
      '--guest <profile>',
      'guest version: azl1, azl3, azl5, aks-3.15, msft-main, kata-4.1; framework-0.3.0, framework-0.5.0',
    )
    .option('--engine <engine>', 'native or wasm (default: the one that can run the policy)')
    .optionsGroup('CCE policies:')
    .option('--fragment <file>', 'signed fragment to load first (repeatable, in order)', collect)
    .option('--trust-list <file>', 'signed trust list to load before fragments', collect)
    .option('--os <system>', 'guest system: linux or windows (default: that of the containers)');
}

/** Values of options that count for CCE policies alone. */
export interface CceOptions {
  readonly fragment?: readonly string[];
  readonly trustList?: readonly string[];
  readonly os?: string;
}

/** For a policy of a kata agent. Throws USAGE_CONFLICT if any of these is given. */
export function refuseCceOptions({ fragment, trustList, os }: CceOptions): void {
  if (fragment === undefined && trustList === undefined && os === undefined) return;
  throw new ToolError('USAGE_CONFLICT', 'fragments, trust lists and --os are for CCE policies', {
    got: 'a policy of a kata agent',
  });
}

/** The requests that are to be decided. Throws REQUEST_INVALID if there are none: what was not tried is not allowed. */
export function requireRequests<T>(
  requests: readonly T[],
  where: string | undefined,
): readonly T[] {
  if (requests.length > 0) return requests;
  if (where === undefined) {
    throw new ToolError('REQUEST_INVALID', 'the policy names no container to start', {
      hints: ['name a file of requests instead of --synthesize'],
    });
  }
  throw new ToolError('REQUEST_INVALID', `${where} holds no request`, {
    where,
    want: 'a JSON object per line, as the guest logs its requests',
    hints: ['podseal simulate POLICY --synthesize --emit-requests shows what requests look like'],
  });
}
