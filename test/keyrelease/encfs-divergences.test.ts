/** What the rows of the area `encfs` say: each is shown here, and each test has its row. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readEncfsConfig } from '../../src/keyrelease/encfs-config.js';
import { buildEncfsPlan } from '../../src/keyrelease/encfs-plan.js';
import { filesystemKey } from '../../src/keyrelease/filesystem-key.js';
import { readLuksHeader } from '../../src/keyrelease/luks-header.js';
import { type EncfsPorts, openFilesystems } from '../../src/pipeline/sidecar/encfs.js';
import { readDivergences } from '../support/divergences.js';
import { thrownBy } from '../support/failure.js';
import { failureOf } from '../support/images.js';

const ENTRY = {
  image: '/images/one',
  mount_point: '/mnt/one',
  key: {
    kid: 'k',
    kty: 'oct-HSM',
    authority: { endpoint: 'a.attest.azure.net' },
    akv: { endpoint: 'v.vault.azure.net' },
  },
};

const read = (...changes: readonly object[]) =>
  readEncfsConfig(
    JSON.stringify({ azure_filesystems: changes.map((change) => ({ ...ENTRY, ...change })) }),
    'x',
    [],
  ).filesystems;
const planOf = (change: object = {}) => buildEncfsPlan(read(change), '/run/encfs')[0]!;
const refused = (...changes: readonly object[]) => thrownBy(() => read(...changes)).code;

const header = (encryption: string) => ({
  keyslots: {
    '0': {
      ...{ type: 'luks2', key_size: 64, af: { hash: 'sha256' }, kdf: { type: 'pbkdf2' } },
      area: { type: 'raw', offset: '1', size: '1', encryption: 'aes-xts-plain64', key_size: 64 },
    },
  },
  segments: { '0': { type: 'crypt', offset: '0', size: 'dynamic', encryption } },
  digests: { '0': { type: 'pbkdf2', hash: 'sha256', segments: ['0'] } },
  config: {},
});

const judge = (encryption: string) =>
  readLuksHeader(Buffer.from(JSON.stringify(header(encryption))), 'x', 100);

const OCT = (bytes: number) =>
  JSON.stringify({ kty: 'oct', k: Buffer.alloc(bytes).toString('base64url') });

/** A system on which everything works but the second mount; what ran, in order. */
async function runsUntilFailure(): Promise<readonly string[]> {
  const runs: string[] = [];
  const nothing = async () => undefined;
  const files = {
    copyHead: async () => 100,
    ...{ remove: nothing, assertFree: nothing, makeFolder: nothing, removeFolder: nothing },
    ...{ link: nothing, exists: async () => false, isMounted: async () => false },
  };
  const ports: EncfsPorts = {
    files,
    run: async (argv) => {
      runs.push(argv.join(' '));
      const status = argv[0] === 'mount' && argv.join().includes('crypt-1') ? 32 : 0;
      const stdout = Buffer.from(JSON.stringify(header('aes-xts-plain64')));
      return { status, stdout, stderr: Buffer.alloc(0) };
    },
    show: async () => nothing,
    release: async () => OCT(32),
    stopped: () => false,
    pause: nothing,
    story: () => undefined,
  };
  const plans = buildEncfsPlan(read({}, { mount_point: '/mnt/two' }), '/run/encfs');
  await failureOf(() => openFilesystems(ports, plans));
  return runs;
}

const SHOWN: Readonly<Record<string, () => unknown>> = {
  'encfs-header': () => {
    expect(judge('aes-xts-plain64').cipher).toBe('aes-xts-plain64');
    expect(thrownBy(() => judge('cipher_null-ecb')).code).toBe('ENCFS_HEADER_REFUSED');
  },
  'encfs-header-copy': () => {
    const { open, dump, header: copy } = planOf();
    expect(dump.argv.at(-1)).toBe(copy);
    expect(open.argv[open.argv.indexOf('--header') + 1]).toBe(copy);
  },
  'encfs-persistent': () => expect(planOf().open.argv).not.toContain('--persistent'),
  'encfs-format': () => {
    const { argv } = planOf().open;
    expect(argv[argv.indexOf('--type') + 1]).toBe('luks2');
  },
  'encfs-read-only': () => {
    expect(planOf().open.argv).toContain('--readonly');
    expect(planOf({ read_write: true }).open.argv).not.toContain('--readonly');
  },
  'encfs-key-file': () => {
    const { argv, stdin } = planOf().open;
    expect([argv[argv.indexOf('--key-file') + 1], stdin]).toEqual(['-', 'key']);
  },
  'encfs-mount-options': () => {
    expect(planOf().mount.argv[4]).toBe('ro,noload,nosuid,nodev');
    expect(planOf({ read_write: true }).mount.argv[4]).toBe('rw,nosuid,nodev');
  },
  'encfs-unknown-members': () => expect(refused({ readwrite: true })).toBe('ENCFS_CONFIG_INVALID'),
  'encfs-raw-key': () => expect(refused({ raw_key: 'ab' })).toBe('ENCFS_CONFIG_INVALID'),
  'encfs-key-type': () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const jwk = JSON.stringify(privateKey.export({ format: 'jwk' }));
    const [oct] = read({});
    const [any] = read({ key: { ...ENTRY.key, kty: '' } });
    expect(filesystemKey(jwk, any!)).toHaveLength(32);
    expect(thrownBy(() => filesystemKey(jwk, oct!)).code).toBe('KEY_CONFIG_INVALID');
  },
  'encfs-key-length': () => {
    const [oct] = read({});
    expect(filesystemKey(OCT(32), oct!)).toHaveLength(32);
    expect(thrownBy(() => filesystemKey(OCT(31), oct!)).code).toBe('KEY_CONFIG_INVALID');
  },
  'encfs-half-way': async () => {
    expect((await runsUntilFailure()).slice(-3)).toEqual([
      'cryptsetup close remote-crypt-1',
      'umount /mnt/.filesystem-0',
      'cryptsetup close remote-crypt-0',
    ]);
  },
  'encfs-mount-points': () => {
    for (const mountPoint of ['x', '/mnt/one', '/mnt/one/x', '/etc/x']) {
      expect(refused({}, { mount_point: mountPoint })).toBe('ENCFS_CONFIG_INVALID');
    }
  },
};

describe('the divergences of encrypted filesystems', () => {
  it('are the ones that are shown', () => {
    const rows = readDivergences().filter(({ area }) => area === 'encfs');
    expect(rows.map(({ id }) => id)).toEqual(Object.keys(SHOWN));
  });

  it.each(Object.keys(SHOWN))('%s', async (id) => {
    await SHOWN[id]!();
  });
});
