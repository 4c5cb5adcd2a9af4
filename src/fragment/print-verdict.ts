/** A verdict about a fragment as text and as JSON. */
import { svnOf } from '../core/signed-statement.js';
import type { FragmentVerdict } from './verify.js';

/** Lines for people: the verdict, its reasons, and what the fragment says about itself. */
export function printVerdict(verdict: FragmentVerdict): string {
  const { statement, payload } = verdict;
  const lines = [
    verdict.kind === 'allowed'
      ? 'allowed: a guest would load it'
      : 'denied: no guest would load it',
    ...verdict.reasons.map(({ reason, message }) => `  ${reason}: ${message}`),
    ...verdict.remarks.map((remark) => `  remark: ${remark}`),
    ...verdict.skipped.map((check) => `  not checked: ${check}`),
    ...(statement === undefined
      ? []
      : [
          `issuer:    ${statement.issuer || 'none'}`,
          `feed:      ${statement.feed || 'none'}`,
          `algorithm: ${statement.algorithm.name}`,
        ]),
    ...(payload === undefined
      ? []
      : [
          `namespace: ${payload.namespace}`,
          `svn:       ${payload.svn ?? 'none'}`,
          `framework: ${payload.frameworkVersion ?? 'none'}`,
          `defines:   ${payload.lists.join(', ') || 'nothing'}`,
        ]),
    ...verdict.receipts.map(({ issuer, problem }) => `receipt:   ${issuer}: ${problem ?? 'valid'}`),
  ];
  return `${lines.map(visible).join('\n')}\n`;
}

/** The verdict as `podseal.fragment-verdict/v1`. */
export function verdictAsJson(verdict: FragmentVerdict): string {
  const { kind, reasons, skipped, remarks, statement, payload, receipts } = verdict;
  const claim = statement && svnOf(statement);
  return `${JSON.stringify(
    {
      format: 'podseal.fragment-verdict/v1',
      verdict: kind,
      reasons,
      skipped,
      remarks,
      ...(statement === undefined
        ? {}
        : {
            issuer: statement.issuer,
            feed: statement.feed,
            contentType: statement.contentType,
            algorithm: statement.algorithm.name,
            ...(claim?.kind === 'number' ? { headerSvn: String(claim.value) } : {}),
          }),
      ...(payload === undefined
        ? {}
        : {
            namespace: payload.namespace,
            svn: payload.svn ?? null,
            frameworkVersion: payload.frameworkVersion ?? null,
            defines: payload.lists,
          }),
      receipts: receipts.map(({ issuer, keyId, problem }) => ({
        issuer,
        keyId,
        valid: problem === undefined,
        ...(problem === undefined ? {} : { problem }),
      })),
    },
    undefined,
    2,
  )}\n`;
}

const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

/** Texts of a fragment cannot steer the terminal. */
function visible(line: string): string {
  return line.replace(CONTROL, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
