/** Input files of the ACI targets -> container groups. */
import { lookUp } from '../../core/data.js';
import { parseJsonData } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import { listLinkedTemplates, parseArmFile } from '../../manifest/arm/parse.js';
import { readArmGroups } from '../../manifest/arm/read-arm.js';
import { readConfig } from '../../manifest/config/read.js';
import { isArmTemplate } from '../../manifest/target.js';
import { readVirtualNodes } from '../../manifest/virtual-node/read.js';
import type { ContainerGroup, WildcardApproval } from '../../workload/container-group.js';

/** A text with its name. */
export interface AciInput {
  readonly file: string;
  readonly text: string;
}

export interface AciSources {
  readonly target: 'aci' | 'vn2';
  readonly manifests: readonly AciInput[];
  /** Further ConfigMaps and Secrets (vn2). */
  readonly attachments: readonly AciInput[];
  /** Of the ARM templates. */
  readonly parameters?: AciInput;
  /** Text of a template that another one links to; `main` is the one of the manifests that all started from. */
  readonly readLinked: (file: string, main: string) => Promise<string>;
  readonly approve: WildcardApproval;
  readonly notices: NoticeSink;
}

export interface AciGroups {
  /** The manifests, then the templates that they link to. */
  readonly inputs: readonly AciInput[];
  readonly groups: readonly ContainerGroup[];
}

/** The groups of all manifests, in order. Throws what the readers throw. */
export async function readAciGroups(sources: AciSources): Promise<AciGroups> {
  const { target, manifests, attachments } = sources;
  if (target === 'vn2') {
    const further = attachments.map((one) => ({ ...one, role: 'attachment' as const }));
    return { inputs: manifests, groups: readVirtualNodes([...manifests, ...further], sources) };
  }
  const linked: AciInput[] = [];
  const groups: ContainerGroup[] = [];
  for (const { file, text } of manifests) {
    if (isTemplate(text, file))
      groups.push(...(await readTemplate({ file, text }, sources, linked)));
    else groups.push(readConfig(text, file, sources));
  }
  if (
    sources.parameters !== undefined &&
    !manifests.some(({ text, file }) => isTemplate(text, file))
  ) {
    throw new ToolError('USAGE_CONFLICT', 'parameters need an ARM template', {
      got: manifests.map(({ file }) => file).join(', '),
    });
  }
  return { inputs: [...manifests, ...linked], groups };
}

/** A template by its schema, or since it has resources where a configuration has containers. */
function isTemplate(text: string, file: string): boolean {
  if (isArmTemplate(text)) return true;
  return lookUp(parseJsonData(text, file, { comments: true }), 'resources') !== null;
}

async function readTemplate(
  { file, text }: AciInput,
  { parameters, readLinked, approve, notices }: AciSources,
  found: AciInput[],
): Promise<readonly ContainerGroup[]> {
  const template = parseArmFile(text, file);
  const linked = new Map<string, typeof template>();
  const waiting = [...listLinkedTemplates(template)];
  for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
    if (linked.has(path)) continue;
    const input = { file: path, text: await readLinked(path, file) };
    const document = parseArmFile(input.text, path);
    linked.set(path, document);
    found.push(input);
    waiting.push(...listLinkedTemplates(document));
  }
  const given = parameters === undefined ? [] : [parseArmFile(parameters.text, parameters.file)];
  return readArmGroups({ template, parameters: given, linked, approve, notices });
}
