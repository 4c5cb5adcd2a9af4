/** Whoever starts a program of ours keeps what it writes, so that the search of the run sees it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/cli.js';

/** Files that start programs without keeping their output, and why they may. */
const OTHERS: Readonly<Record<string, string>> = {
  'cli/crash.test.ts': 'programs of others that leave their memory on purpose',
  'cli/katapolicygen.test.ts': 'a pipe, whose end is a digest; the same calls are kept elsewhere',
  'cli/write-image.test.ts': 'programs of the system',
  'fragment/sign.test.ts': 'openssl and python3',
  'io/archives.test.ts': 'mkfifo',
  'io/cache.test.ts': 'a writer of the cache without secrets',
  'io/files.test.ts': 'mkfifo',
  'io/oci-layout.test.ts': 'mkfifo',
  'io/rego-rules.test.ts': 'the compiler of policies',
  'io/services.test.ts': 'mkfifo',
  'layer/tarfs/example-images.test.ts': 'the maker of a fixture',
  'secrets/run.test.ts': 'runs of tests that leak on purpose',
  'support/compiled.ts': 'the TypeScript compiler',
  'support/debian-image.ts': 'tar and dpkg',
  'support/played-system.ts':
    'cryptsetup and what plays the system; nothing that it writes is a log',
  'support/real-registry.ts': 'a registry and a proxy of the system',
  'support/test-ca.ts': 'openssl',
  'support/verdicts.ts': 'the verifier of the guest, which gets no secret',
};

const TESTS = join(ROOT, 'test');
const files = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name, text: readFileSync(join(TESTS, name), 'utf8') }));
const starters = files.filter(({ text }) => text.includes("'node:child_process'"));
/** Those that can start a program, not only name the type of one. */
const starting = starters.filter(({ text }) =>
  /\b(?:spawn|spawnSync|execFile|execFileSync|execSync|fork)\(/.test(text),
);

describe('what programs of ours write in tests', () => {
  it('is kept, or there is a reason', () => {
    const unkept = starting.filter(
      ({ name, text }) => !/record(?:Output|Child)\(/.test(text) && !Object.hasOwn(OTHERS, name),
    );
    expect(unkept.map(({ name }) => name)).toEqual([]);
    expect(starting.length).toBeGreaterThan(15);
  });

  it('has no reason that is stale', () => {
    const names = starters.map(({ name }) => name);
    expect(Object.keys(OTHERS).filter((name) => !names.includes(name))).toEqual([]);
  });
});
