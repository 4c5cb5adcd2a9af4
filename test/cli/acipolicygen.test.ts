/** `podseal acipolicygen`, as a script that was written for `az confcom acipolicygen` runs it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../src/core/digest.js';
import { findAnnotations } from '../../src/manifest/annotate.js';
import { VIRTUAL_NODE_ANNOTATION } from '../../src/manifest/virtual-node/read.js';
import {
  type AciCase,
  type AciCaseOptions,
  aciCases,
  aciFactsText,
  aciText,
  aciVectors,
  goldenFolders,
} from '../support/aci-vectors.js';
import { podseal, temporaryFolder } from '../support/cli.js';
import { readDivergences } from '../support/divergences.js';
import {
  blobOf,
  descriptorOf,
  layoutFiles,
  makeImage,
  sha256,
  TYPES,
  tagged,
  tarOf,
} from '../support/images.js';

const CONCURRENT = { concurrent: true, timeout: 60_000 } as const;

/** One folder for all tests: they run side by side, which those of the support module do not stand. */
const ROOT = mkdtempSync(join(tmpdir(), 'podseal-acipolicygen-'));
afterAll(() => rmSync(ROOT, { recursive: true, force: true }));
const newFolder = () => mkdtempSync(join(ROOT, 'case-'));

interface Prepared {
  readonly folder: string;
  readonly args: readonly string[];
  /** The template or YAML. */
  readonly file: string;
  readonly stdin: string;
}

const FLAGS: readonly (readonly [keyof AciCaseOptions, string])[] = [
  ['debug_mode', '--debug-mode'],
  ['disable_stdio', '--disable-stdio'],
  ['approve_wildcards', '-y'],
  ['exclude_default_fragments', '-e'],
  ['omit_id', '--omit-id'],
  ['outraw', '--outraw'],
  ['outraw_pretty_print', '--outraw-pretty-print'],
  ['print_policy_to_terminal', '--print-policy'],
];

/** Writes the inputs of a case into a folder. */
function prepare({ input, options }: Pick<AciCase, 'input' | 'options'>): Prepared {
  const folder = newFolder();
  const facts = join(folder, 'facts.json');
  writeFileSync(facts, aciFactsText());
  const put = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const flags = FLAGS.flatMap(([key, flag]) => (options[key] === true ? [flag] : []));
  const svn = options.infrastructure_svn;
  const [source, file] = sourceOf(input, put);
  return {
    folder,
    args: [
      ...source,
      ...flags,
      ...(svn === undefined ? [] : ['--infrastructure-svn', svn]),
      '--image-facts',
      facts,
      '--offline',
    ],
    file,
    stdin: (options.answers ?? []).map((answer) => `${answer}\n`).join(''),
  };
}

function sourceOf(
  { template, parameters, config, image, yaml }: AciCase['input'],
  put: (name: string, text: string) => string,
): [string[], string] {
  if (template !== undefined) {
    const file = put('template.json', template);
    const given =
      parameters === undefined || parameters === null
        ? []
        : ['-p', put('parameters.json', parameters)];
    return [['-a', file, ...given], file];
  }
  if (yaml !== undefined) {
    const file = put('pods.yaml', yaml);
    return [['--virtual-node-yaml', file], file];
  }
  if (config !== undefined) return [['-i', put('config.json', config)], ''];
  return [['--image', [image ?? ''].flat()[0]!], ''];
}

const run = ({ args, stdin, folder }: Prepared, more: readonly string[] = []) =>
  podseal(['acipolicygen', ...args, ...more], { stdin, env: { HOME: folder } });

/** The case for each profile. */
function prepareProfiles(row: AciCase) {
  return Object.entries(row.expect).map(([profile, wanted]) => {
    const input = { ...row.input, ...(profile === '1.3.1' ? row['input_1.3.1'] : {}) };
    return { profile, wanted, input, prepared: prepare({ ...row, input }) };
  });
}

describe.runIf(aciVectors !== undefined)('option checks', () => {
  interface CliCase {
    readonly command: string;
    readonly argv: readonly string[];
    readonly valid: boolean;
    readonly error?: string;
  }
  const rows = aciCases<CliCase>('cli.json').filter(({ command }) => command === 'acipolicygen');
  const usageErrors = rows.flatMap(({ error }) => error ?? []);

  it.each(rows)('$argv', CONCURRENT, async ({ argv, valid, error }) => {
    const cwd = newFolder();
    const result = await podseal(['acipolicygen', ...argv, '--offline'], {
      cwd,
      env: { HOME: cwd },
    });
    // Whatever passes the checks fails at files that are not there.
    expect(result.status).toBe(1);
    if (!valid) expect(result.stderr).toContain(`error: ${error} [USAGE_CONFLICT]`);
    else for (const other of usageErrors) expect(result.stderr).not.toContain(other);
  });
});

const divergences = readDivergences().filter(({ area }) => area === 'aci-edge');

describe.runIf(aciVectors !== undefined)('cases of the vectors', () => {
  const rows = ['edge.json', 'upstream-tests.json']
    .flatMap((file) => aciCases(file))
    .filter(({ options }) => options.rego_imports === undefined);

  it.each(rows)('$name', CONCURRENT, async (row) => {
    const { exit_code: exit, policies = [] } = row.expect['2.0.1']!;
    const result = await run(prepare(row), ['--outraw']);
    const hashes = result.stdout
      .split('\n\n\n')
      .slice(0, -1)
      .map((text) => sha256Hex(text));
    const outcome = [result.status, hashes];
    const wanted = [exit, policies.map(({ sha256 }) => sha256)];
    if (divergences.some((one) => one.case === row.name)) expect(outcome).not.toEqual(wanted);
    else expect(outcome).toEqual(wanted);
    expect(result.stderr).not.toContain('unexpected failure');
  });
});

describe.runIf(aciVectors !== undefined)('output', () => {
  it.each(aciCases('output.json'))('$name', CONCURRENT, async (row) => {
    for (const { profile, wanted, prepared } of prepareProfiles(row)) {
      const result = await run(prepared, ['--guest', `confcom-${profile}`]);
      expect([result.status, result.stdout]).toEqual([wanted.exit_code, wanted.stdout]);
    }
  });

  const goldens = goldenFolders('arm_template.json').flatMap((folder) => [
    { folder, below: 'target-2.0.1', profile: '2.0.1' },
    { folder, below: '.', profile: 'fork-1.2.8' },
  ]);
  it.each(goldens)('golden $folder $profile', CONCURRENT, async ({ folder, below, profile }) => {
    const hasParameters = goldenFolders('parameters.json').includes(folder);
    const input = {
      template: aciText(folder, 'arm_template.json'),
      parameters: hasParameters ? aciText(folder, 'parameters.json') : null,
    };
    const prepared = prepare({ input, options: { approve_wildcards: true } });
    const result = await run(prepared, ['--outraw', '--guest', `confcom-${profile}`]);
    expect(result.stdout).toBe(aciText(folder, below, 'policy.rego'));
    expect(readFileSync(prepared.file, 'utf8')).toBe(input.template);
  });

  it.each(goldenFolders('virtual_node.yaml', 'vn2'))('golden %s', CONCURRENT, async (folder) => {
    const yaml = aciText('vn2', folder, 'virtual_node.yaml');
    const prepared = prepare({ input: { yaml }, options: { approve_wildcards: true } });
    const result = await run(prepared, ['--outraw-pretty-print']);
    expect(result.stdout).toBe(aciText('vn2', folder, 'target-2.0.1', 'policy_pretty.rego'));
  });
});

describe.runIf(aciVectors !== undefined)('injection', () => {
  const rows = aciCases('inject.json');

  it.each(rows.filter(({ input }) => input.template !== undefined))(
    '$name',
    CONCURRENT,
    async (row) => {
      for (const { profile, wanted, prepared, input } of prepareProfiles(row)) {
        const flag = row.name.startsWith('print_existing/') ? ['--print-existing-policy'] : [];
        const result = await run(prepared, ['--guest', `confcom-${profile}`, ...flag]);
        expect([result.status, result.stdout]).toEqual([wanted.exit_code, wanted.stdout]);
        for (const prompt of wanted.prompts ?? []) expect(result.stderr).toContain(prompt);
        const after = wanted.template_after ?? input.template;
        expect(readFileSync(prepared.file, 'utf8')).toBe(after);
      }
    },
  );

  it.each(rows.filter(({ input }) => input.yaml !== undefined))(
    '$name',
    CONCURRENT,
    async (row) => {
      for (const { profile, wanted, prepared } of prepareProfiles(row)) {
        const result = await run(prepared, ['--guest', `confcom-${profile}`]);
        expect([result.status, result.stdout]).toEqual([wanted.exit_code, wanted.stdout]);
        for (const prompt of wanted.prompts ?? []) expect(result.stderr).toContain(prompt);
        const annotations = (text: string) =>
          findAnnotations(text, [VIRTUAL_NODE_ANNOTATION], 'x').map(({ placement, value }) => [
            placement.path,
            value,
          ]);
        expect(annotations(readFileSync(prepared.file, 'utf8'))).toEqual(
          annotations(wanted.yaml_after ?? ''),
        );
      }
    },
  );
});

const POD = `# a pod
apiVersion: v1
kind: Pod
metadata:
  name: web # kept
spec:
  containers:
    - image: 'example.org/web:1'
      name: web
`;
const FACTS = JSON.stringify({
  format: 'podseal.image-facts/v1',
  images: [
    {
      references: ['example.org/web:1'],
      platform: 'linux/amd64',
      config: { Cmd: ['serve'] },
      layers: [{ rootHashes: { ext4: 'a'.repeat(64) } }],
    },
  ],
});

function podFolder() {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'pod.yaml'), POD);
  writeFileSync(join(folder, 'facts.json'), FACTS);
  const args = ['acipolicygen', '--image-facts', 'facts.json', '--offline'];
  return { folder, run: (...more: string[]) => podseal([...args, ...more], { cwd: folder }) };
}

describe('without the vectors', () => {
  it('changes nothing in YAML but the annotation', async () => {
    const { folder, run: runPod } = podFolder();
    const result = await runPod('--virtual-node-yaml', 'pod.yaml');
    expect(result.status).toBe(0);
    const text = readFileSync(join(folder, 'pod.yaml'), 'utf8');
    const [annotation] = findAnnotations(text, [VIRTUAL_NODE_ANNOTATION], 'x');
    const policy = Buffer.from(annotation?.value ?? '', 'base64').toString();
    expect(policy).toMatch(/^package policy\n/);
    expect(result.stdout).toBe(`${sha256Hex(policy)}\n`);
    expect(text).toContain('name: web # kept\n');
    expect(text.replace(/ {2}annotations:\n.*\n/, '')).toBe(POD);
    const existing = await runPod('--virtual-node-yaml', 'pod.yaml', '--print-existing-policy');
    expect(existing.stdout).toBe(`Policy for Pod: web\n\n${policy}\n`);
  });

  it('fails where a question gets no answer', async () => {
    const { folder, run: runPod } = podFolder();
    await runPod('--virtual-node-yaml', 'pod.yaml');
    const before = readFileSync(join(folder, 'pod.yaml'), 'utf8');
    const result = await runPod('--virtual-node-yaml', 'pod.yaml');
    expect(result.status).toBe(1);
    expect(result.stderr).toContain("currently in workload 'web'? (y/n) ");
    expect(readFileSync(join(folder, 'pod.yaml'), 'utf8')).toBe(before);
  });

  it('prints an image in base64 and saves the same', async () => {
    const { folder, run: runPod } = podFolder();
    const result = await runPod('--image', 'example.org/web:1', '-s', 'out.txt');
    expect(result.status).toBe(0);
    expect(`${readFileSync(join(folder, 'out.txt'), 'utf8')}\n\n\n`).toBe(result.stdout);
    expect(Buffer.from(result.stdout, 'base64').toString()).toContain('"command":["serve"]');
  });

  it('reads an image from a tar, and hashes its layers', async () => {
    const { folder, run: runPod } = podFolder();
    const layer = await tarOf([['hello', 'world']]);
    writeFileSync(join(folder, 'layer.tar'), layer);
    const { stdout: hash } = await podseal(['layer', join(folder, 'layer.tar'), '--for', 'aci']);
    const blob = blobOf(layer, TYPES.layer);
    const config = {
      config: { User: '1000:7', StopSignal: 'SIGINT' },
      rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
    };
    const image = makeImage({ config, layers: [], manifest: { layers: [descriptorOf(blob)] } });
    const files = layoutFiles([[image.manifest, tagged('tar.test/app:1')]], [...image.blobs, blob]);
    writeFileSync(join(folder, 'app.tar'), await tarOf([...files]));
    const result = await runPod('--image', 'tar.test/app:1', '--tar', 'app.tar', '--outraw');
    expect(result.status).toBe(0);
    expect(result.stdout).toContain(`"layers":["${hash.trim()}"]`);
    expect(result.stdout).toContain('"user_idname":{"pattern":"1000","strategy":"id"}');
    expect(result.stdout).toContain('"signals":[2]');
  });

  it('takes one tar for one image only', async () => {
    const { folder, run: runPod } = podFolder();
    writeFileSync(join(folder, 'app.tar'), '');
    writeFileSync(join(folder, 'two.yaml'), `${POD}    - image: example.org/web:2\n`);
    const result = await runPod('--virtual-node-yaml', 'two.yaml', '--tar', 'app.tar');
    expect([result.status, result.stderr]).toEqual([1, expect.stringContaining('one tar')]);
  });

  it('tells a tar that does not exist on stdout, with status 2', async () => {
    const result = await podFolder().run('--image', 'example.org/web:1', '--tar', 'none.tar');
    expect(result.status).toBe(2);
    expect(result.stdout).toContain('--tar input must either be');
  });

  it.each([
    [['--image', 'example.org/other:1'], 1],
    [['--image', 'example.org/web:1', '--platform', 'windows/amd64'], 1],
    [['--with-containers', '{"nonsense": 1}'], 1],
    [['--with-containers', '{}'], 0],
    [['--image', 'example.org/web:1', '--platform', 'linux/arm64'], 2],
    [['--nonsense'], 2],
    [['--image'], 2],
  ])('%s ends with %d', async (args, status) => {
    expect((await podFolder().run(...args)).status).toBe(status);
  });
});
