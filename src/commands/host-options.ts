/** The option --allow-host: hosts that may get tokens beside those of Azure. */
import { InvalidArgumentError } from 'commander';
import { HOST_PATTERN } from '../keyrelease/hosts.js';

/** Collects hosts in lower case. One that could never be meant (a URL, a path) is refused: it would allow nothing. */
export function collectHost(value: string, previous: readonly string[] = []): string[] {
  const host = value.toLowerCase();
  if (HOST_PATTERN.test(host)) return [...previous, host];
  throw new InvalidArgumentError('want HOST or HOST:PORT, without https://');
}
