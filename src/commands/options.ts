/** Values of options that several commands share. */
import { ToolError } from '../core/error.js';
import type { LayerFormat } from '../image/types.js';

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
