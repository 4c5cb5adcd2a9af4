/** Opening and closing of encrypted filesystems, step by step: what was done is undone in reverse, whichever step fails. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../src/core/error.js';
import type { EncryptedFilesystem } from '../../src/keyrelease/encfs-config.js';
import { buildEncfsPlan } from '../../src/keyrelease/encfs-plan.js';
import { type EncfsPorts, openFilesystems } from '../../src/pipeline/sidecar/encfs.js';
import { failureOf } from '../support/images.js';

const failing = (work: Promise<unknown>) => failureOf(() => work);

const KEY = Buffer.alloc(32, 0x5a);
const JWK = JSON.stringify({ kty: 'oct', k: KEY.toString('base64url') });
const METADATA = {
  keyslots: {
    '0': {
      ...{ type: 'luks2', key_size: 64, af: { hash: 'sha256' }, kdf: { type: 'pbkdf2' } },
      area: { type: 'raw', offset: '1', size: '1', encryption: 'aes-xts-plain64', key_size: 64 },
    },
  },
  segments: {
    '0': { type: 'crypt', offset: '0', size: 'dynamic', encryption: 'aes-xts-plain64' },
  },
  digests: { '0': { type: 'pbkdf2', hash: 'sha256', segments: ['0'] } },
  config: {},
};

const filesystem = (name: string, type?: 'oct' | 'RSA'): EncryptedFilesystem => ({
  image: { kind: 'local', path: `/images/${name}` },
  mountPoint: `/mnt/${name}`,
  writable: false,
  key: {
    kid: name,
    attestationService: 'a',
    vault: 'v',
    ...(type === undefined ? {} : { type }),
  },
  derivation: { salt: Buffer.alloc(0), label: 'x' },
});
const BLOB = {
  ...filesystem('two'),
  image: { kind: 'blob', url: 'https://a.blob.core.windows.net/c/b', isPrivate: false },
} as const;
const PLANS = buildEncfsPlan([filesystem('one'), BLOB], '/run/encfs');

/** How a call goes: throws, or a program ends with this status. */
type Outcome = 'throws' | number;

interface World {
  readonly ports: EncfsPorts;
  /** Every call in order. */
  readonly calls: string[];
  /** What is there: headers, devices, mounts, folders, links. */
  readonly there: Set<string>;
  readonly keys: Uint8Array[];
}

interface WorldOptions {
  /** Outcomes by call. */
  readonly outcomes?: (call: string, index: number) => Outcome | undefined;
  readonly stopAt?: number;
  readonly stderr?: Buffer;
  readonly jwk?: string;
  /** What stays although its program failed. */
  readonly leaves?: readonly string[];
}

/** A system in memory: programs change it as the real ones do. */
function makeWorld({ outcomes, stopAt, stderr, jwk = JWK, leaves = [] }: WorldOptions = {}): World {
  const calls: string[] = [];
  const there = new Set<string>();
  const keys: Uint8Array[] = [];
  const step = (call: string): number => {
    calls.push(call);
    const outcome = outcomes?.(call, calls.length - 1) ?? 0;
    if (outcome !== 'throws') return outcome;
    throw new ToolError('ENCFS_COMMAND_FAILED', 'made up');
  };
  const change = (call: string, act: () => void) => {
    const status = step(call);
    if (status === 0) act();
    return status;
  };
  const effects: Readonly<Record<string, (argv: readonly string[]) => void>> = {
    'cryptsetup open': (argv) => there.add(`/dev/mapper/${argv.at(-1)}`),
    'cryptsetup close': (argv) => there.delete(`/dev/mapper/${argv.at(-1)}`),
    mount: (argv) => there.add(`mounted ${argv.at(-1)}`),
    umount: (argv) => there.delete(`mounted ${argv.at(-1)}`),
  };
  const ports: EncfsPorts = {
    files: {
      copyHead: async (from, to, bytes) => {
        change(`copy ${from}`, () => there.add(to));
        return bytes;
      },
      remove: async (path) => {
        change(`remove ${path}`, () => there.delete(path));
      },
      assertFree: async () => undefined,
      makeFolder: async (path) => {
        change(`folder ${path}`, () => there.add(path));
      },
      removeFolder: async (path) => {
        change(`rmdir ${path}`, () => there.delete(path));
      },
      link: async (_, path) => {
        change(`link ${path}`, () => there.add(path));
      },
      exists: async (path) => there.has(path),
      isMounted: async (path) => there.has(`mounted ${path}`),
    },
    run: async (argv, input) => {
      if (input !== undefined) keys.push(input, Buffer.from(input));
      const [name, effect] =
        Object.entries(effects).find(([start]) => argv.join(' ').startsWith(start)) ?? [];
      const call = argv.join(' ');
      if (leaves.includes(call)) effect?.(argv);
      const status = change(call, () => effect?.(argv));
      const stdout = Buffer.from(name === undefined ? JSON.stringify(METADATA) : '');
      return { status, stdout, stderr: stderr ?? Buffer.from('played failure\n') };
    },
    show: async ({ folder }) => {
      change(`show ${folder}`, () => there.add(`mounted ${folder}`).add(`shown ${folder}`));
      return async () => {
        calls.push(`end ${folder}`);
        there.delete(`shown ${folder}`);
      };
    },
    release: async ({ kid }) => {
      step(`release ${kid}`);
      return jwk;
    },
    stopped: () => stopAt !== undefined && calls.length >= stopAt,
    pause: async () => {
      calls.push('pause');
    },
    story: () => undefined,
  };
  return { ports, calls, there, keys };
}

/** Calls of a run without failures. */
const opening = async () => {
  const world = makeWorld();
  const open = await openFilesystems(world.ports, PLANS);
  const opened = world.calls.length;
  await open.close();
  return { opened, calls: world.calls, left: world.there };
};

describe('filesystems', () => {
  it('are all open, then all closed, and nothing is left', async () => {
    const { calls, left } = await opening();
    expect([...left]).toEqual([]);
    expect(calls.filter((call) => call.startsWith('release'))).toEqual([
      'release one',
      'release two',
    ]);
  });

  it('are all closed in reverse whichever step fails, and however', async () => {
    const { opened, calls } = await opening();
    fc.assert(
      fc.asyncProperty(
        fc.nat(opened - 1),
        fc.constantFrom<Outcome>('throws', 1, 2, 32),
        async (at, outcome) => {
          // Programs end with a status, everything else throws.
          const isProgram = /^(cryptsetup|mount)/.test(calls[at]!);
          const how = isProgram ? outcome : 'throws';
          const world = makeWorld({ outcomes: (_, i) => (i === at ? how : undefined) });
          const error = await failing(openFilesystems(world.ports, PLANS));
          expect(error).toBeInstanceOf(ToolError);
          expect([...world.there]).toEqual([]);
          expect(world.calls.slice(0, at)).toEqual(calls.slice(0, at));
        },
      ),
      { seed: 3, numRuns: 150 },
    );
  });

  it('are all closed when the user ends the program between any two steps', async () => {
    const { opened } = await opening();
    for (let stopAt = 0; stopAt < opened - 3; stopAt += 1) {
      const world = makeWorld({ stopAt });
      const error = await failing(openFilesystems(world.ports, PLANS));
      expect(error.code).toBe('INTERRUPTED');
      expect([...world.there]).toEqual([]);
    }
  });

  it('are named when the user ends the program and one cannot be closed', async () => {
    const { opened } = await opening();
    const world = makeWorld({
      stopAt: opened - 4,
      outcomes: (call) => (call.startsWith('cryptsetup close') ? 1 : undefined),
    });
    const error = await failing(openFilesystems(world.ports, PLANS));
    expect(error.code).toBe('ENCFS_CLOSE_FAILED');
    expect([...world.there].some((name) => name.startsWith('/dev/mapper/'))).toBe(true);
  });

  it('leave no device and no mount of a program that was stopped half way', async () => {
    for (const { argv } of [PLANS[1]!.open, PLANS[1]!.mount]) {
      const call = argv.join(' ');
      const world = makeWorld({
        leaves: [call],
        outcomes: (made) => (made === call ? 'throws' : undefined),
      });
      await failing(openFilesystems(world.ports, PLANS));
      expect([...world.there]).toEqual([]);
    }
  });

  it('wipe the key after use, whatever cryptsetup says', async () => {
    for (const outcome of [0, 2, 'throws'] as const) {
      const world = makeWorld({
        outcomes: (call) => (call.startsWith('cryptsetup open') ? outcome : undefined),
      });
      await openFilesystems(world.ports, PLANS).catch(() => undefined);
      const [used, copy] = world.keys;
      expect(copy).toEqual(KEY);
      expect(used).toEqual(Buffer.alloc(32));
    }
  });
});

describe('what cryptsetup says', () => {
  it.each([
    [1, 'ENCFS_COMMAND_FAILED', 'privileged container'],
    [2, 'ENCFS_KEY_REFUSED', 'made with this key'],
    [5, 'ENCFS_COMMAND_FAILED', 'run that was killed'],
  ])('status %d: %s', async (status, code, hint) => {
    const world = makeWorld({
      outcomes: (call) => (call.startsWith('cryptsetup open') ? status : undefined),
    });
    const error = await failing(openFilesystems(world.ports, PLANS));
    expect(error.code).toBe(code);
    expect(error.got).toBe(`status ${status}: played failure`);
    expect(error.hints[0]).toContain(hint);
  });
});

describe('closing', () => {
  const umount = PLANS[1]!.unmount.argv.join(' ');

  it('waits for a filesystem in use', async () => {
    const tries: string[] = [];
    const world = makeWorld({
      outcomes: (call) => {
        if (call !== umount) return undefined;
        tries.push(call);
        return tries.length < 3 ? 32 : undefined;
      },
    });
    const open = await openFilesystems(world.ports, PLANS);
    await open.close();
    expect(world.calls.filter((call) => call === 'pause')).toHaveLength(2);
    expect([...world.there]).toEqual([]);
  });

  it('cuts off what stays in use, closes the rest, and says so', async () => {
    const close = PLANS[1]!.close.argv.join(' ');
    const world = makeWorld({
      outcomes: (call) => (call === umount || call === close ? 5 : undefined),
    });
    const open = await openFilesystems(world.ports, PLANS);
    const error = await failing(open.close());
    expect(error.code).toBe('ENCFS_CLOSE_FAILED');
    expect(error.got).toBe('/mnt/two is still in use; /dev/mapper/remote-crypt-1 is still in use');
    expect(world.calls).toContain('umount --lazy /mnt/.filesystem-1');
    expect(world.calls).toContain('cryptsetup close --deferred remote-crypt-1');
    expect(world.calls).toContain('cryptsetup close remote-crypt-0');
    expect([...world.there]).toEqual([]);
  });

  it('goes on when something cannot be undone, and happens once', async () => {
    const world = makeWorld({
      outcomes: (call) => (call.startsWith('rmdir') ? 'throws' : undefined),
    });
    const open = await openFilesystems(world.ports, PLANS);
    expect((await failing(open.close())).got).toBe('made up; made up');
    const count = world.calls.length;
    await open.close();
    expect(world.calls).toHaveLength(count);
  });
});

describe('the key', () => {
  it.each<[string, string, 'oct' | 'RSA' | undefined, string]>([
    ['another type than configured', JWK, 'RSA', 'a key of type RSA'],
    ['a short one', '{"kty":"oct","k":"AAAA"}', undefined, '32 bytes'],
    ['none', '{"kty":"oct"}', undefined, '32 bytes'],
    ['an EC key', '{"kty":"EC"}', undefined, 'oct or RSA'],
    ['no object', '[]', undefined, 'oct or RSA'],
  ])('%s does not open anything', async (_, jwk, type, want) => {
    const world = makeWorld({ jwk });
    const plans = buildEncfsPlan([filesystem('one', type)], '/run/encfs');
    const error = await failing(openFilesystems(world.ports, plans));
    expect(error.code).toBe('KEY_CONFIG_INVALID');
    expect(error.want).toContain(want);
    expect(world.calls.some((call) => call.startsWith('cryptsetup open'))).toBe(false);
  });

  it.each([
    ['as it is', KEY],
    ['in hex', Buffer.from(KEY.toString('hex').toUpperCase())],
    ['in base64', Buffer.from(`x${KEY.toString('base64')}`)],
    ['in base64url', Buffer.from(KEY.toString('base64url'))],
  ])('that cryptsetup writes %s is not told', async (_, stderr) => {
    const world = makeWorld({
      stderr,
      outcomes: (call) => (call.startsWith('cryptsetup open') ? 2 : undefined),
    });
    const error = await failing(openFilesystems(world.ports, PLANS));
    expect(error.code).toBe('ENCFS_KEY_REFUSED');
    expect(error.got).toBe('status 2: what it wrote is not shown: the key is in it');
  });
});
