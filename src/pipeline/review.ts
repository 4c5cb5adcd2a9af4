/** Reviews of policies and manifests: what they allow, in what they differ, how open they are. */
import type { Notice } from '../core/notice.js';

export { printPageHtml } from '../core/page-html.js';
export { printPageText } from '../core/page-text.js';
export { printSarif } from '../core/sarif.js';
export {
  auditInput,
  auditJson,
  auditPage,
  summarizeAudit,
} from './review/audit.js';
export { loadReviewBase } from './review/base.js';
export { checkedAciPolicies, checkedKataPolicies, checkPolicies } from './review/check.js';
export { diffInputs } from './review/diff.js';
export { diffJson, diffPage, hasDifference, summarizeDiffs } from './review/diff-page.js';
export { readReviewInput } from './review/read.js';
export { showInput, showJson, showPage } from './review/show.js';

/** The text of a JSON product, with the notices of the run; a Map prints as an object. */
export function printJson(product: object, notices: readonly Notice[]): string {
  const plain = (_key: string, value: unknown) =>
    value instanceof Map ? Object.fromEntries(value) : value;
  return `${JSON.stringify({ ...product, notices }, plain, 2)}\n`;
}
