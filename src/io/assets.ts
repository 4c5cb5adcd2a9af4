/** Files that belong to podseal itself: rules and settings below policies/, built programs below native/. */
import { fileURLToPath } from 'node:url';
import { readTextFile } from './files.js';

/** Path of a file of the package. This module lies two folders deep: as source, compiled, and joined with others. */
export function packagePath(name: string): string {
  return fileURLToPath(new URL(`../../${name}`, import.meta.url));
}

/** Path of a bundled file, e.g. `kata/settings/azl3.json`. */
export function assetPath(name: string): string {
  return packagePath(`policies/${name}`);
}

/** Text of a bundled file. Throws FILE_NOT_FOUND if the installation is incomplete. */
export function readAsset(name: string): Promise<string> {
  return readTextFile(assetPath(name));
}
