import { describe, expect, it } from 'vitest';
import { parseJsonData } from '../../../src/core/data-json.js';
import { sha256Hex } from '../../../src/core/digest.js';
import { ToolError } from '../../../src/core/error.js';
import { parseArmFile, parseArmFileAsReference } from '../../../src/manifest/arm/parse.js';
import { readArmGroups } from '../../../src/manifest/arm/read-arm.js';
import { readArmGroupsAsReference } from '../../../src/manifest/arm/reference.js';
import { readImageGroup } from '../../../src/manifest/config/definitions.js';
import { readConfig } from '../../../src/manifest/config/read.js';
import { readFragmentEntries } from '../../../src/manifest/group/fragments.js';
import { readVirtualNodes } from '../../../src/manifest/virtual-node/read.js';
import { readWithAnswers } from '../../../src/pipeline/aci/answers.js';
import { generateAci } from '../../../src/pipeline/aci/generate.js';
import { findAciGuest } from '../../../src/policy/aci/guests.js';
import { printAciPolicy } from '../../../src/policy/aci/print.js';
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

function readGroups(
  { input, kind }: AciCase,
  approve: WildcardApproval,
): readonly ContainerGroup[] {
  if (kind === 'vn2') {
    return readVirtualNodes([{ file: 'in.yaml', text: input.yaml ?? '' }], { approve, notices });
  }
  if (kind === 'arm') return readTemplate(input.template ?? '', input.parameters, approve);
  if (kind === 'image') {
    return [input.image ?? ''].flat().map(readImageGroup);
  }
  return [readConfig(input.config ?? '', 'in.json', { approve, notices })];
}

function readTemplate(
  text: string,
  parameters: string | null | undefined,
  approve: WildcardApproval,
): readonly ContainerGroup[] {
  const template = parseArmFileAsReference(text, 'template.json');
  const given =
    parameters === null || parameters === undefined
      ? {}
      : { parameters: parseArmFileAsReference(parameters, 'parameters.json') };
  return readArmGroupsAsReference({ template, ...given, approve, notices });
}

/** As `podseal policy` reads a template: evaluated whole. */
function evaluateTemplate(
  text: string,
  parameters: string | null,
  approve: WildcardApproval,
): readonly ContainerGroup[] {
  return readArmGroups({
    template: parseArmFile(text, 'template.json'),
    parameters: parameters === null ? [] : [parseArmFile(parameters, 'parameters.json')],
    linked: new Map(),
    approve,
    notices,
  });
}

async function generate(row: AciCase, profile: string) {
  const { options } = row;
  const answers = [...(options.answers ?? [])];
  const groups = await readWithAnswers(
    (approve) => readGroups(row, options.approve_wildcards === true ? () => true : approve),
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
  return {
    guest: findAciGuest(`confcom-${profile}`),
    debugMode: options.debug_mode === true,
    stdio: options.disable_stdio !== true,
    omitId: options.omit_id === true,
    fragments: {
      imports: readImports(options.rego_imports),
      excludeInfrastructure: options.exclude_default_fragments === true,
      ...(svn === undefined ? {} : { infrastructureSvn: svn }),
    },
  };
}

function readImports(entries: unknown) {
  const place = { code: 'MANIFEST_INVALID', what: 'fragments.json', path: '' } as const;
  return readFragmentEntries(parseJsonData(JSON.stringify(entries ?? []), 'fragments.json'), place);
}

const cases = ['edge.json', 'upstream-tests.json'].flatMap((file) => aciCases(file));

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

describe.runIf(aciVectors !== undefined)('cases of the vectors', () => {
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

describe.runIf(aciVectors !== undefined)('golden virtual nodes', () => {
  describe.each(goldenFolders('virtual_node.yaml', 'vn2'))('%s', (folder) => {
    it.each([
      ['target-2.0.1', '2.0.1'],
      ['release-1.3.1', '1.3.1'],
    ])('%s', async (variant, profile) => {
      const text = aciText('vn2', folder, 'virtual_node.yaml');
      const groups = readVirtualNodes([{ file: 'in.yaml', text }], {
        approve: () => true,
        notices,
      });
      const policies = await generateAci({ groups, ...request({}, profile) }, aciPorts());
      const printed = policies.map(({ document }) => printAciPolicy(document, { pretty: true }));
      expect(printed.map((one) => `${one}\n\n\n`).join('')).toBe(
        aciText('vn2', folder, variant, 'policy_pretty.rego'),
      );
    });
  });
});

const IMPORT = {
  feed: 'mcr.microsoft.com/acc/samples/aci/helloworld',
  issuer: 'did:x509:0:sha256:8OhuTqQPbrbDMXV9QentXIIRWqcmU_B88n8jPr1WsBc::subject:CN:Contoso',
  minimum_svn: '1',
  includes: ['containers', 'fragments'],
};

/** Options of each golden file of a template. */
const VARIANTS: Readonly<Record<string, AciCaseOptions>> = {
  policy: {},
  policy_debug: { debug_mode: true },
  policy_disable_stdio: { disable_stdio: true },
  policy_exclude_default_fragment: { exclude_default_fragments: true },
  policy_infrastructure_svn: { infrastructure_svn: '99' },
  policy_fragment: { rego_imports: [IMPORT] },
  policy_fragment_plus_infrastructure_svn: { rego_imports: [IMPORT], infrastructure_svn: '99' },
};

describe.runIf(aciVectors !== undefined)('golden templates', () => {
  const rows = goldenFolders('arm_template.json').flatMap((folder) =>
    [
      ['target-2.0.1', '2.0.1'],
      ['release-1.3.1', '1.3.1'],
      ['.', 'fork-1.2.8'],
    ].flatMap(([below, profile]) =>
      Object.keys(VARIANTS)
        .filter((variant) => goldenFolders(`${below}/${variant}.rego`).includes(folder))
        .map((variant) => ({ folder, below: below!, profile: profile!, variant })),
    ),
  );

  it.each(rows)('$folder $profile $variant', async ({ folder, below, profile, variant }) => {
    const hasParameters = goldenFolders('parameters.json').includes(folder);
    const parameters = hasParameters ? aciText(folder, 'parameters.json') : null;
    const template = aciText(folder, 'arm_template.json');
    for (const read of [readTemplate, evaluateTemplate]) {
      const groups = read(template, parameters, () => false);
      const policies = await generateAci(
        { groups, ...request(VARIANTS[variant]!, profile) },
        aciPorts(),
      );
      expect(policies.map(({ policy }) => `${policy}\n\n\n`).join('')).toBe(
        aciText(folder, below, `${variant}.rego`),
      );
    }
  });

  it('are there', () => expect(rows.length).toBeGreaterThan(100));
});
