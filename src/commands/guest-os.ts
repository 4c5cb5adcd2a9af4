/** --os of commands that run CCE policies. */
import { ToolError } from '../core/error.js';
import type { GuestOs } from '../rego/aci/guest-data.js';

/** Throws USAGE_CONFLICT for anything but the two systems. */
export function readOs(os: string): GuestOs {
  if (os === 'linux' || os === 'windows') return os;
  throw new ToolError('USAGE_CONFLICT', 'there is no such guest system', {
    want: '--os linux or windows',
    got: os,
  });
}
