import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseJsonData } from '../../../src/core/data-json.js';
import { sha256Hex } from '../../../src/core/digest.js';
import { ToolError } from '../../../src/core/error.js';
import { parseArmFile, parseArmFileAsReference } from '../../../src/manifest/arm/parse.js';
import { readArmGroups } from '../../../src/manifest/arm/read-arm.js';
import { readArmGroupsAsReference } from '../../../src/manifest/arm/reference.js';
import { readFragmentEntries } from '../../../src/manifest/group/fragments.js';
import { readWithAnswers } from '../../../src/pipeline/aci/answers.js';
import { generateAci } from '../../../src/pipeline/aci/generate.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import type { ContainerGroup, WildcardApproval } from '../../../src/workload/container-group.js';
import {
  type AciCase,
  type AciCaseOptions,
  aciCases,
  aciPorts,
  aciText,
  aciVectors,
  goldenFolders,
} from '../../support/aci-vectors.js';
import { readDivergences } from '../../support/divergences.js';

const notices = () => undefined;

interface Texts {
  readonly template: string;
  readonly parameters?: string | null;
}

function readAsReference(texts: Texts, approve: WildcardApproval): readonly ContainerGroup[] {
  const parameters = texts.parameters ?? undefined;
  return readArmGroupsAsReference({
    template: parseArmFileAsReference(texts.template, 'template.json'),
    ...(parameters === undefined
      ? {}
      : { parameters: parseArmFileAsReference(parameters, 'parameters.json') }),
    approve,
    notices,
  });
}

function readEvaluated(texts: Texts, approve: WildcardApproval): readonly ContainerGroup[] {
  const parameters = texts.parameters ?? undefined;
  return readArmGroups({
    template: parseArmFile(texts.template, 'template.json'),
    parameters: parameters === undefined ? [] : [parseArmFile(parameters, 'parameters.json')],
    linked: new Map(),
    approve,
    notices,
  });
}

async function generate({ input, options }: AciCase, profile: string) {
  const answers = [...(options.answers ?? [])];
  const texts = { template: input.template ?? '', parameters: input.parameters ?? null };
  const groups = await readWithAnswers(
    (approve) => readAsReference(texts, options.approve_wildcards === true ? () => true : approve),
    async () => {
      const answer = answers.shift();
      if (answer === undefined) throw new Error('a question that nobody expected');
      return answer.toLowerCase() === 'y';
    },
  );
  return generateAci({ groups, ...request(options, profile) }, aciPorts());
}

function request(options: AciCaseOptions, profile: string) {
  const svn = options.infrastructure_svn;
  const imports = parseJsonData(JSON.stringify(options.rego_imports ?? []), 'imports');
  const place = { code: 'MANIFEST_INVALID', what: 'imports', path: '' } as const;
  return {
    guest: findAciGuest(`confcom-${profile}`),
    debugMode: options.debug_mode === true,
    stdio: options.disable_stdio !== true,
    omitId: options.omit_id === true,
    fragments: {
      imports: readFragmentEntries(imports, place),
      excludeInfrastructure: options.exclude_default_fragments === true,
      ...(svn === undefined ? {} : { infrastructureSvn: svn }),
    },
  };
}

const cases = ['edge.json', 'upstream-tests.json']
  .flatMap((file) => aciCases(file))
  .filter(({ kind }) => kind === 'arm');

const divergences = readDivergences().filter(({ area }) => area === 'aci-edge');
const diverges = ({ name }: AciCase) => divergences.some((row) => row.case === name);

/** Hashes of the policies, or that there are none. */
async function outcomeOf(row: AciCase, profile: string): Promise<readonly string[] | 'error'> {
  try {
    return (await generate(row, profile)).map(({ policy }) => sha256Hex(policy));
  } catch (error) {
    if (error instanceof ToolError) return 'error';
    throw error;
  }
}

describe.runIf(aciVectors !== undefined)('templates of the vectors', () => {
  describe.each(['2.0.1', '1.3.1'])('%s', (profile) => {
    it.each(cases)('$name', async (row) => {
      const { exit_code: exit, policies = [] } = row.expect[profile]!;
      const wanted = exit === 0 ? policies.map(({ sha256 }) => sha256) : 'error';
      const outcome = await outcomeOf(row, profile);
      if (diverges(row)) return expect(outcome).not.toEqual(wanted);
      for (const [i, { raw }] of policies.entries()) {
        if (raw !== undefined) expect((await generate(row, profile))[i]?.policy).toBe(raw);
      }
      expect(outcome).toEqual(wanted);
    });
  });
});

const IMPORTS = [
  {
    feed: 'mcr.microsoft.com/acc/samples/aci/helloworld',
    issuer: 'did:x509:0:sha256:8OhuTqQPbrbDMXV9QentXIIRWqcmU_B88n8jPr1WsBc::subject:CN:Contoso',
    minimum_svn: '1',
    includes: ['containers', 'fragments'],
  },
];
const FILES: readonly (readonly [string, AciCaseOptions])[] = [
  ['policy.rego', {}],
  ['policy_debug.rego', { debug_mode: true }],
  ['policy_disable_stdio.rego', { disable_stdio: true }],
  ['policy_exclude_default_fragment.rego', { exclude_default_fragments: true }],
  ['policy_infrastructure_svn.rego', { infrastructure_svn: '99' }],
  ['policy_fragment.rego', { rego_imports: IMPORTS }],
  [
    'policy_fragment_plus_infrastructure_svn.rego',
    { rego_imports: IMPORTS, infrastructure_svn: '99' },
  ],
];
const PROFILES = [
  ['.', 'fork-1.2.8'],
  ['release-1.3.1', '1.3.1'],
  ['target-2.0.1', '2.0.1'],
] as const;

const golden = goldenFolders('arm_template.json').flatMap((folder) =>
  PROFILES.flatMap(([below, profile]) =>
    FILES.filter(([file]) => existsSync(join(aciVectors ?? '', folder, below, file))).map(
      ([file, options]) => ({ folder, below, file, profile, options }),
    ),
  ),
);

describe.runIf(aciVectors !== undefined)('golden templates', () => {
  it('are there', () => expect(golden.length).toBeGreaterThan(100));

  it.each(golden)('$folder $profile $file', async ({ folder, below, file, profile, options }) => {
    const template = aciText(folder, 'arm_template.json');
    const parameters = existsSync(join(aciVectors ?? '', folder, 'parameters.json'))
      ? aciText(folder, 'parameters.json')
      : null;
    const texts = { template, parameters };
    for (const read of [readAsReference, readEvaluated]) {
      const groups = read(texts, () => false);
      const policies = await generateAci({ groups, ...request(options, profile) }, aciPorts());
      expect(policies.map(({ policy }) => `${policy}\n\n\n`).join('')).toBe(
        aciText(folder, below, file),
      );
    }
  });
});
