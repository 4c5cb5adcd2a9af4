/** The configuration of encrypted filesystems and the plan that is made of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import { LIMITS } from '../../src/core/limits.js';
import {
  decodeEncfsArgs,
  nameOfImage,
  readEncfsConfig,
} from '../../src/keyrelease/encfs-config.js';
import { buildEncfsPlan, encfsPlanJson, printEncfsPlan } from '../../src/keyrelease/encfs-plan.js';
import { thrownBy } from '../support/failure.js';
import { mutate, rollFrom } from '../support/mutate.js';

const KEY = {
  kid: 'EncryptedFilesystemsContainer',
  kty: 'RSA-HSM',
  authority: { endpoint: 'sharedneu.neu.attest.azure.net' },
  akv: { endpoint: 'avaultname.vault.azure.net' },
};
const ENTRY = {
  image: '/images/one.img',
  mount_point: '/remotemounts/share1',
  read_write: false,
  key: KEY,
  key_derivation: { salt: '92a631483ca875aa', label: 'Encryption Key' },
};

const read = (value: unknown, listed: readonly string[] = []) =>
  readEncfsConfig(JSON.stringify(value), 'x', listed);
const withEntry = (change: object) => ({ azure_filesystems: [{ ...ENTRY, ...change }] });
const withKey = (change: object) => withEntry({ key: { ...KEY, ...change } });

describe('the configuration', () => {
  it('is read with its defaults', () => {
    const { filesystems, sidecar } = read({
      azure_info: {
        identity: { client_id: 'id' },
        certcache: { endpoint_type: 'AzCache', endpoint: 'americas.acccache.azure.net' },
      },
      azure_filesystems: [
        ENTRY,
        {
          image: '/dev/sdb',
          mount_point: '/remotemounts/share2',
          read_write: true,
          key: { ...KEY, kty: '', key_ops: ['decrypt'], akv: { ...KEY.akv, bearer_token: 't' } },
        },
      ],
    });
    expect(sidecar).toMatchObject({ clientId: 'id', certificates: { kind: 'AzCache' } });
    expect(filesystems).toEqual([
      {
        image: { kind: 'local', path: '/images/one.img' },
        mountPoint: '/remotemounts/share1',
        writable: false,
        key: {
          kid: KEY.kid,
          type: 'RSA',
          attestationService: 'sharedneu.neu.attest.azure.net',
          vault: 'avaultname.vault.azure.net',
        },
        derivation: { salt: Buffer.from('92a631483ca875aa', 'hex'), label: 'Encryption Key' },
      },
      {
        image: { kind: 'local', path: '/dev/sdb' },
        mountPoint: '/remotemounts/share2',
        writable: true,
        key: {
          kid: KEY.kid,
          attestationService: 'sharedneu.neu.attest.azure.net',
          vault: 'avaultname.vault.azure.net',
          accessToken: 't',
        },
        derivation: { salt: Buffer.alloc(0), label: 'Symmetric Encryption Key' },
      },
    ]);
  });

  it('is base64 in the environment', () => {
    expect(decodeEncfsArgs(Buffer.from('{}').toString('base64'))).toBe('{}');
    for (const text of ['', '%', 'e30', 'e_0=']) {
      expect(thrownBy(() => decodeEncfsArgs(text)).code).toBe('ENCFS_CONFIG_INVALID');
    }
  });

  it.each<[string, unknown, string]>([
    ['a list', [], 'ENCFS_CONFIG_INVALID'],
    ['no filesystems', {}, 'azure_filesystems is missing'],
    ['an empty list', { azure_filesystems: [] }, 'azure_filesystems is empty'],
    ['an unknown member', { ...withEntry({}), azure_filesystem: [] }, 'azure_filesystem is not'],
    ['a misspelt member', withEntry({ readwrite: true }), 'readwrite is not a known'],
    ['another case', withEntry({ Read_Write: true }), 'Read_Write is not a known'],
    ['a misspelt member of the key', withKey({ id: 'x' }), 'key.id is not a known'],
    ['a text for a flag', withEntry({ read_write: 'true' }), 'read_write has a wrong type'],
    ['no key', withEntry({ key: undefined }), 'key is missing'],
    ['a key in the configuration', withEntry({ raw_key: 'ab' }), 'raw_key is not accepted'],
    ['a kid with a path', withKey({ kid: '../x' }), 'KEY_ID_INVALID'],
    ['an unknown kty', withKey({ kty: 'EC-HSM' }), 'kty is unknown'],
    ['a foreign vault', withKey({ akv: { endpoint: 'evil.example' } }), 'SERVICE_HOST_REFUSED'],
    [
      'a foreign authority',
      withKey({ authority: { endpoint: 'evil.example' } }),
      'SERVICE_HOST_REFUSED',
    ],
    ['a salt that is not hex', withEntry({ key_derivation: { salt: 'abc' } }), 'salt is not hex'],
    ['no image', withEntry({ image: undefined }), 'azure_url is missing'],
    ['two images', withEntry({ azure_url: 'https://a.blob.core.windows.net/c/b' }), 'two images'],
    [
      'an unknown certificate source',
      { ...withEntry({}), azure_info: { certcache: { endpoint_type: 'x' } } },
      'SIDECAR_ARGS_INVALID',
    ],
    ['an unknown member of azure_info', { ...withEntry({}), azure_info: { a: 1 } }, 'azure_info.a'],
  ])('%s is refused', (_, value, told) => {
    const { code, message } = thrownBy(() => read(value));
    expect(`${code}: ${message}`).toContain(told);
  });

  it.each([
    ['', 'absolute'],
    ['/', 'root'],
    ['mnt/x', 'absolute'],
    ['/mnt/../etc', 'simplest'],
    ['/mnt/./x', 'simplest'],
    ['/mnt//x', 'simplest'],
    ['/mnt/x/', 'simplest'],
    ['/mnt/a\nb', 'control'],
    ['/mnt/a\u0000b', 'control'],
    [`/${'a'.repeat(256)}`, 'too long'],
    ['/proc/x', 'system'],
    ['/etc', 'system'],
    ['/dev/shm/x', 'system'],
    ['/mnt/.filesystem-3', 'mounted under'],
    ['/mnt/.filesystem-3/x', 'mounted under'],
  ])('the mount point %j is refused', (mountPoint, told) => {
    expect(thrownBy(() => read(withEntry({ mount_point: mountPoint }))).message).toContain(told);
  });

  it('has no two mount points within each other, and tells all that is wrong at once', () => {
    const two = (mountPoint: string) => ({
      azure_filesystems: [ENTRY, { ...ENTRY, mount_point: mountPoint }],
    });
    expect(thrownBy(() => read(two('/remotemounts/share1'))).message).toContain('used twice');
    expect(thrownBy(() => read(two('/remotemounts/share1/x'))).message).toContain('overlap');
    expect(thrownBy(() => read(two('/remotemounts'))).message).toContain('overlap');
    expect(read(two('/remotemounts/share10')).filesystems).toHaveLength(2);
    const wrong = {
      azure_filesystems: [
        { ...ENTRY, kid: 1 },
        { ...ENTRY, image: 'x' },
      ],
    };
    const error = thrownBy(() => read(wrong));
    expect(JSON.stringify([error.message, error.cause])).toContain('[0].kid');
  });

  it('has limits: size, number, and length of paths', () => {
    const many = (count: number) => ({
      azure_filesystems: Array.from({ length: count }, (_, i) => ({
        ...ENTRY,
        mount_point: `/mnt/${i}`,
      })),
    });
    const { encfsFilesystems: most, encfsConfigBytes: size, pathChars } = LIMITS;
    expect(read(many(most)).filesystems).toHaveLength(most);
    expect(thrownBy(() => read(many(most + 1))).code).toBe('LIMIT_EXCEEDED');
    const text = JSON.stringify(withEntry({}));
    const padded = (length: number) => text + ' '.repeat(length - text.length);
    expect(readEncfsConfig(padded(size), 'x', []).filesystems).toHaveLength(1);
    expect(thrownBy(() => readEncfsConfig(padded(size + 1), 'x', [])).code).toBe('LIMIT_EXCEEDED');
    const long = (length: number) => `${'/a'.repeat(length).slice(0, length - 1)}b`;
    expect(read(withEntry({ image: long(pathChars - 1) })).filesystems).toHaveLength(1);
    expect(thrownBy(() => read(withEntry({ image: long(pathChars + 1) }))).message).toContain(
      'too long',
    );
  });

  const URL = 'https://samplename.blob.core.windows.net/private-container/image-encrypted-2.img';
  const withUrl = (azure_url: string, azure_url_private = false) =>
    withEntry({ image: undefined, azure_url, azure_url_private });

  it('names blobs of storage accounts, public, private, or with a signature', () => {
    const imageOf = (value: unknown, listed: readonly string[] = []) =>
      read(value, listed).filesystems[0]!.image;
    expect(imageOf(withUrl(URL))).toEqual({ kind: 'blob', url: URL, isPrivate: false });
    expect(imageOf(withUrl(URL, true))).toEqual({ kind: 'blob', url: URL, isPrivate: true });
    const signed = imageOf(withUrl(`${URL}?sv=1&sig=SECRET`));
    expect(signed).toMatchObject({ url: `${URL}?sv=1&sig=SECRET` });
    expect(nameOfImage(signed)).toBe(URL);
    const listed = ['localhost:1'];
    expect(imageOf(withUrl('https://localhost:1/c/b'), listed)).toMatchObject({ kind: 'blob' });
  });

  it.each([
    'http://samplename.blob.core.windows.net/c/b',
    'https://samplename.blob.core.windows.net',
    'https://samplename.blob.core.windows.net/',
    'https://evil.example/c/b',
    'https://blob.core.windows.net.evil.example/c/b',
    'https://u@samplename.blob.core.windows.net/c/b',
    'https://samplename.blob.core.windows.net/c/../b',
    'https://samplename.blob.core.windows.net/c/%2e%2e/b',
    'https://samplename.blob.core.windows.net/c/b#x',
    'https://samplename.blob.core.windows.net/c b',
    'file:///etc/passwd',
    '/images/x',
    '',
  ])('%j is not the URL of a blob', (url) => {
    const { code } = thrownBy(() => read(withUrl(url)));
    expect(['ENCFS_CONFIG_INVALID', 'SERVICE_HOST_REFUSED']).toContain(code);
  });

  it('takes a token or a signature for a blob, not both, and tells neither', () => {
    const error = thrownBy(() => read(withUrl(`${URL}?sig=SECRET`, true)));
    expect(error.message).toContain('besides the token');
    expect(JSON.stringify([error.message, error.want, error.got])).not.toContain('SECRET');
  });

  it('is refused or read, and never anything else, whatever it is', () => {
    const text = Buffer.from(
      JSON.stringify({ azure_info: { identity: {} }, ...withEntry({ read_write: true }) }),
    );
    for (let seed = 0; seed < 3_000; seed += 1) {
      const changed = mutate(text, rollFrom(seed)).toString('utf8');
      try {
        const { filesystems } = readEncfsConfig(changed, 'x', []);
        for (const { mountPoint, image } of filesystems) {
          expect(`${mountPoint} ${nameOfImage(image)}`).toMatch(/^\/[^\n]+ \/[^\n]+$/);
        }
      } catch (error) {
        expect(error, changed).toBeInstanceOf(ToolError);
      }
    }
  });

  it('is refused or read for any JSON', () => {
    const member = fc.constantFrom(...Object.keys(ENTRY), 'azure_url', 'raw_key', 'x');
    const entry = fc.dictionary(member, fc.oneof(fc.jsonValue(), fc.constant(KEY)));
    fc.assert(
      fc.property(fc.array(entry), (azure_filesystems) => {
        try {
          read({ azure_filesystems });
        } catch (error) {
          expect(error).toBeInstanceOf(ToolError);
        }
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

const path = fc
  .array(fc.stringMatching(/^[^/\p{Cc}]{1,20}$/u), { minLength: 1, maxLength: 4 })
  .map((parts) => `/mnt/${parts.join('/')}`);
const filesystem = fc.record({
  image: fc.oneof(
    path.map((local) => ({ kind: 'local' as const, path: local })),
    path.map((blob) => ({
      kind: 'blob' as const,
      url: `https://a.blob.core.windows.net${encodeURI(blob).replace(/[?#]/g, 'x')}?sig=SECRET`,
      isPrivate: false,
    })),
  ),
  mountPoint: path,
  writable: fc.boolean(),
  key: fc.constant({
    kid: 'k',
    attestationService: 'a.attest.azure.net',
    vault: 'v.vault.azure.net',
    accessToken: 'the-access-token',
  }),
  derivation: fc.record({ salt: fc.constant(Buffer.from('salt')), label: fc.string() }),
});

describe('the plan', () => {
  it('has words in place of a shell line, the key at one place only, and no secret', () => {
    fc.assert(
      fc.property(fc.array(filesystem, { maxLength: 4 }), (filesystems) => {
        const plans = buildEncfsPlan(filesystems, '/run/encfs');
        plans.forEach((plan, index) => {
          const { image, mountPoint, writable } = filesystems[index]!;
          const { dump, open, mount, unmount, unmountLater, close, closeLater } = plan;
          const commands = [dump, open, mount, unmount, unmountLater, close, closeLater];
          expect(commands.filter(({ stdin }) => stdin === 'key')).toEqual([open]);
          const opened = image.kind === 'local' ? image.path : `/run/encfs/blob-${index}/data`;
          expect(open.argv.slice(-2)).toEqual([opened, `remote-crypt-${index}`]);
          expect(open.argv).toContain('luks2');
          expect(open.argv.includes('--readonly')).toBe(!writable);
          expect(open.argv[open.argv.indexOf('--header') + 1]).toBe(plan.header);
          expect(dump.argv.at(-1)).toBe(plan.header);
          expect(mount.argv[4]!.split(',').includes('ro')).toBe(!writable);
          expect(mount.argv.at(-1)).toBe(plan.folder);
          // Beside the mount point, and reached by the link.
          const parent = mountPoint.slice(0, mountPoint.lastIndexOf('/'));
          expect(plan.folder).toBe(`${parent}/${plan.link}`);
          for (const { argv } of commands) {
            expect(['cryptsetup', 'mount', 'umount']).toContain(argv[0]);
          }
        });
        expect(new Set(plans.map(({ device }) => device)).size).toBe(plans.length);
        expect(new Set(plans.map(({ header }) => header)).size).toBe(plans.length);
        const printed = printEncfsPlan(plans) + JSON.stringify(encfsPlanJson(plans));
        expect(printed).not.toContain('the-access-token');
        expect(printed).not.toContain('SECRET');
      }),
      { seed: 11, numRuns: 200 },
    );
  });

  it('is the same for the same configuration', () => {
    const { filesystems } = read(withEntry({}));
    expect(buildEncfsPlan(filesystems, '/w')).toEqual(buildEncfsPlan(filesystems, '/w'));
    expect(printEncfsPlan(buildEncfsPlan(filesystems, '/w'))).toContain('/remotemounts/share1');
  });
});
