/** The built rules that are committed, and how they are read. */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.js';
import { openRegoBuiltins } from '../../src/io/rego-builtins.js';
import { readBuiltRules, readRulesWasm } from '../../src/io/rego-rules.js';
import { QUERIES } from '../../src/policy/kata/read-rules.js';
import { ENFORCEMENT_POINTS } from '../../src/rego/aci/guests.js';

const ROOT = resolve(import.meta.dirname, '../..');
const KATA = join(ROOT, 'policies/kata');
const REBUILD = 'run npm run build-policies';
/** Status of the build script where it has no OPA. */
const CANNOT_BUILD = 2;

const names = readdirSync(join(KATA, 'rules'))
  .filter((file) => file.endsWith('.rego'))
  .map((file) => file.replace('.rego', ''));

interface Description {
  readonly rules: { readonly sha256: string };
  readonly entrypoints: readonly string[];
  readonly builtins: readonly string[];
}

describe.each(names)('WebAssembly of %s', (name) => {
  const file = join(KATA, `${name}.wasm.json`);
  const describeBuilt = () => {
    expect(existsSync(file), REBUILD).toBe(true);
    return JSON.parse(readFileSync(file, 'utf8')) as Description;
  };

  it('belongs to the rules beside it', async () => {
    const digest = sha256Hex(readFileSync(join(KATA, `rules/${name}.rego`)));
    expect(describeBuilt().rules.sha256, REBUILD).toBe(digest);
    const rows = (await readBuiltRules()).filter((row) => row.rulesSha256 === digest);
    expect(rows).toHaveLength(1);
    expect((await readRulesWasm(rows[0]!)).length).toBeLessThan(1024 * 1024);
  });

  it('answers every query, and calls nothing that is not there', async () => {
    const { entrypoints, builtins } = describeBuilt();
    expect([...entrypoints].sort()).toEqual([...QUERIES].sort());
    const known = Object.keys(await openRegoBuiltins(() => {}));
    expect(known).toEqual(expect.arrayContaining([...builtins]));
  });
});

describe('WebAssembly of the framework', () => {
  const folder = join(ROOT, 'policies/aci');
  const rules = () =>
    readdirSync(join(folder, 'rules'))
      .filter((file) => file.endsWith('.rego'))
      .sort()
      .map((file) => readFileSync(join(folder, 'rules', file)));

  it('belongs to the rules beside it', async () => {
    const [built, ...others] = await readBuiltRules(folder);
    expect(others).toEqual([]);
    expect(built?.rulesSha256, REBUILD).toBe(sha256Hex(Buffer.concat(rules())));
    expect((await readRulesWasm(built!, folder)).length).toBeLessThan(1024 * 1024);
  });

  it('answers every enforcement point, and calls nothing that is not there', async () => {
    const text = readFileSync(join(folder, 'framework.wasm.json'), 'utf8');
    const { entrypoints, builtins } = JSON.parse(text) as Description;
    const values = ['reason', 'errors', 'error_objects', 'candidate_containers'];
    expect(entrypoints).toEqual([...Object.keys(ENFORCEMENT_POINTS), ...values].sort());
    const known = Object.keys(await openRegoBuiltins(() => {}));
    expect(known).toEqual(expect.arrayContaining([...builtins]));
  });
});

it('is what the build makes of the rules', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'policies/build.mjs'), '--check'],
    { encoding: 'utf8' },
  );
  if (status === CANNOT_BUILD)
    process.stderr.write(`left out: a rebuild of policies (${stderr})\n`);
  else expect([status, stderr], REBUILD).toEqual([0, expect.stringContaining('up to date')]);
});

describe('readBuiltRules and readRulesWasm', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podseal-rules-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('refuse what was not built together', async () => {
    cpSync(KATA, folder, { recursive: true });
    const [rules] = await readBuiltRules(folder);
    const path = join(folder, rules!.wasmFile);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(path, bytes);
    await expect(readRulesWasm(rules!, folder)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    rmSync(path);
    await expect(readRulesWasm(rules!, folder)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it.each([
    ['another format', '{"format": "podseal.rules-wasm/v2"}', 'SETTINGS_INVALID'],
    ['no digest', '{"format": "podseal.rules-wasm/v1", "rules": {}}', 'SETTINGS_INVALID'],
    ['no JSON', '{', 'JSON_SYNTAX'],
  ])('refuse a description with %s', async (_, text, code) => {
    writeFileSync(join(folder, 'other.wasm.json'), text);
    await expect(readBuiltRules(folder)).rejects.toMatchObject({ code });
  });

  it('say that a folder is missing', async () => {
    await expect(readBuiltRules(join(folder, 'none'))).rejects.toMatchObject({
      code: 'FILE_NOT_FOUND',
    });
  });
});
