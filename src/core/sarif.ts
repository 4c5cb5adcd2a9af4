/** Findings -> SARIF 2.1.0, as code scanning services read it. The order of rules and findings is that of the input. */
import { sha256Hex } from './digest.js';
import type { AuditRule, Finding, Severity } from './finding.js';

export interface SarifRun {
  /** Version of podseal. */
  readonly version: string;
  readonly rules: readonly AuditRule[];
  readonly findings: readonly Finding[];
}

const SCHEMA = 'https://json.schemastore.org/sarif-2.1.0.json';

/** Level of a result, and the score by which GitHub sorts security findings. */
const LEVELS: Readonly<Record<Severity, { readonly level: string; readonly score: string }>> = {
  critical: { level: 'error', score: '9.5' },
  high: { level: 'error', score: '8.0' },
  medium: { level: 'warning', score: '5.5' },
  low: { level: 'note', score: '3.0' },
  info: { level: 'note', score: '0.0' },
};

/** The SARIF text; ends with a newline. */
export function printSarif({ version, rules, findings }: SarifRun): string {
  const indexes = new Map(rules.map(({ id }, index) => [id, index]));
  const document = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'podseal', version, rules: rules.map(printRule) } },
        columnKind: 'utf16CodeUnits',
        results: findings.map((finding) => printResult(finding, indexes.get(finding.id))),
      },
    ],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

function printRule({ id, severity, title, remedy }: AuditRule): object {
  return {
    id,
    shortDescription: { text: sentence(title) },
    help: { text: sentence(remedy) },
    defaultConfiguration: { level: LEVELS[severity].level },
    properties: { 'security-severity': LEVELS[severity].score, tags: ['security', severity] },
  };
}

function printResult(finding: Finding, ruleIndex: number | undefined): object {
  const { id, severity, message, subject, place, path, remedy } = finding;
  const about = subject === '' ? '' : `${subject}: `;
  const logical = [subject, path].filter((part) => part !== undefined && part !== '').join(' ');
  return {
    ruleId: id,
    ...(ruleIndex === undefined ? {} : { ruleIndex }),
    level: LEVELS[severity].level,
    message: { text: `${about}${message}. ${sentence(remedy)}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(place.file) },
          ...(place.line === undefined
            ? {}
            : { region: { startLine: place.line, startColumn: place.column ?? 1 } }),
        },
        ...(logical === '' ? {} : { logicalLocations: [{ fullyQualifiedName: logical }] }),
      },
    ],
    partialFingerprints: { 'podseal/v1': sha256Hex(JSON.stringify([id, subject, path, message])) },
    properties: { severity },
  };
}

/** A file as a URI reference: relative paths stay relative. */
function uriOf(file: string): string {
  if (file === '-') return 'stdin';
  const path = file.replaceAll('\\', '/').split('/').map(encodeURIComponent).join('/');
  return path.startsWith('/') ? `file://${path}` : path;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
