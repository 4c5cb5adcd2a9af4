/** Files that belong to podseal itself: rules and settings below policies/. */
import { fileURLToPath } from 'node:url';
import { readTextFile } from './files.js';

/** Path of a bundled file, e.g. `kata/settings/azl3.json`. */
export function assetPath(name: string): string {
  return fileURLToPath(new URL(`../../policies/${name}`, import.meta.url));
}

/** Text of a bundled file. Throws FILE_NOT_FOUND if the installation is incomplete. */
export function readAsset(name: string): Promise<string> {
  return readTextFile(assetPath(name));
}
