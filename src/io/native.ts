/**
 * Loads the Node addon, where it is built. Its interface has a number: an addon of another number is not used, so that an
 * old file left over cannot be called wrongly.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { packagePath } from './assets.js';

/** Number of the interface below; it counts up with each change, here and in native/addon. */
const ABI = 2;

/** `native/addon/src/lib.rs` as JavaScript sees it. */
export interface NativeAddon {
  abi(): number;
  /** The kernel writes no core file of this process any more. Throws where it has no such thing. */
  hideMemory(): void;
  /** Hashes of the first `count` blocks of 4096 bytes, on a thread of its own. */
  hashBlocks(blocks: Uint8Array, count: number): Promise<Uint8Array>;
  readonly RegoPolicy: new (
    modules: readonly { readonly name: string; readonly text: string }[],
    options: { readonly v0: boolean; readonly timeLimitMs: number },
  ) => NativeRegoPolicy;
}

export interface NativeRegoPolicy {
  setData(json: string): void;
  /** `value` is JSON text; neither `value` nor `error` means undefined. */
  evaluate(
    rule: string,
    inputJson: string,
  ): { readonly value?: string; readonly error?: string; readonly prints: readonly string[] };
}

/** The addon and its file, or why there is none. */
export type NativeState =
  | { readonly kind: 'loaded'; readonly addon: NativeAddon; readonly file: string }
  | { readonly kind: 'absent'; readonly reason: string };

const FILE = packagePath('native/podseal.node');

/** Loads the addon. PODSEAL_NATIVE=off leaves it out; nothing here ever throws. */
export function loadNative(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  file: string = FILE,
): NativeState {
  if (environment.PODSEAL_NATIVE === 'off') return absent('PODSEAL_NATIVE is off');
  if (!existsSync(file)) return absent('it is not built');
  try {
    const addon = createRequire(import.meta.url)(file) as Partial<NativeAddon>;
    const found = typeof addon.abi === 'function' ? addon.abi() : undefined;
    if (found === ABI) return { kind: 'loaded', addon: addon as NativeAddon, file };
    return absent(`it has interface ${found ?? 'none'} instead of ${ABI}`);
  } catch (cause) {
    return absent(`it cannot be loaded: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

function absent(reason: string): NativeState {
  return { kind: 'absent', reason };
}
