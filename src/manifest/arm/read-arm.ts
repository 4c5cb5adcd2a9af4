/** ARM template, parameters files and linked templates -> container groups, all expressions evaluated. */
import type { DataMap, DataValue } from '../../core/data.js';
import { ToolError } from '../../core/error.js';
import type { JsonPlace } from '../../core/json-read.js';
import type { JsonDocument } from '../../core/json-tree.js';
import type { NoticeSink } from '../../core/notice.js';
import type { ContainerGroup, WildcardApproval } from '../../workload/container-group.js';
import { assertReadable } from './checks.js';
import { wrongValue } from './environment.js';
import { type GroupReading, type GroupTexts, type OpenValue, readContainerGroup } from './group.js';
import { type GivenParameters, readParametersFile } from './parameters.js';
import { hasInnerExpression } from './reference-texts.js';
import { type EvaluatedGroup, evaluateTemplate, GROUP_TYPES } from './template.js';
import { type ArmValue, buildBudget, isUnknown, type Unknown } from './value.js';

export interface ArmRequest {
  readonly template: JsonDocument;
  /** Parameters files; where they give the same parameter the last one counts. */
  readonly parameters: readonly JsonDocument[];
  /** Templates that listLinkedTemplates names, by that path. */
  readonly linked: ReadonlyMap<string, JsonDocument>;
  readonly approve: WildcardApproval;
  readonly notices: NoticeSink;
}

/**
 * The container groups that a template deploys, in document order, instances of loops one after the other. A variable
 * whose value is not known is asked about. Throws MANIFEST_INVALID, ARM_EXPRESSION, ARM_UNKNOWN_VALUE, LIMIT_EXCEEDED,
 * and what the approval throws.
 */
export function readArmGroups(request: ArmRequest): readonly ContainerGroup[] {
  const { template, linked, approve, notices } = request;
  const budget = buildBudget();
  const given: GivenParameters = new Map(
    request.parameters.flatMap((document) => [...readParametersFile(document, budget)]),
  );
  const evaluated = evaluateTemplate({ document: template, given, linked, budget, notices });
  const { groups, secrets } = evaluated;
  if (groups.length === 0) {
    throw new ToolError('MANIFEST_INVALID', `${template.file} deploys no container group`, {
      where: template.file,
      want: `a resource of type ${Object.values(GROUP_TYPES).join(' or ')}`,
    });
  }
  const reading = { texts: buildEvaluatedTexts(secrets, notices), approve, notices };
  return groups.map((group) => readGroup(group, reading));
}

function readGroup(group: EvaluatedGroup, reading: GroupReading): ContainerGroup {
  assertReadable(group);
  return readContainerGroup({ ...group, value: group.value as DataMap }, reading);
}

/** Texts of groups that are evaluated already. */
function buildEvaluatedTexts(secrets: ReadonlySet<string>, notices: NoticeSink): GroupTexts {
  const note = (value: DataValue, place: JsonPlace): void => {
    if (typeof value !== 'string' || !hasInnerExpression(value)) return;
    notices({
      code: 'expression-within-text',
      message: `${place.path} holds an expression within a text, which Azure does not evaluate; use [concat(...)] or [format(...)]`,
      where: place.what,
    });
  };
  return {
    replace: (value, place) => {
      note(value, place);
      return value;
    },
    image: (text) => ({ image: text, id: text }),
    variable: (name, value, place) => {
      const known = value as ArmValue;
      if (isUnknown(known)) return { open: openValue(known) };
      if (typeof value !== 'string') throw wrongValue(name, value, place);
      note(value, place);
      const isSecret = [...secrets].some((secret) => secret !== '' && value.includes(secret));
      return { pattern: `${name}=${value}`, isSecret };
    },
  };
}

function openValue({ causes }: Unknown): OpenValue {
  return {
    reasons: causes.map(({ reason }) => reason),
    parameters: [...new Set(causes.flatMap(({ parameter }) => parameter ?? []))],
  };
}
