/** Reads manifests for tests, and makes the ones that they read. */
import { ToolError } from '../../src/core/error.js';
import type { Notice } from '../../src/core/notice.js';
import {
  type ManifestInput,
  type ManifestOptions,
  type ManifestResult,
  readManifest,
} from '../../src/manifest/kubernetes/read-manifest.js';
import type { Container, PodWorkload } from '../../src/workload/pod.js';

/** How the tests read manifests: for upstream guests unless told otherwise. */
export type Options = Partial<Omit<ManifestOptions, 'notices'>>;

/** What `readManifest` makes of a text, or of files, with its notices. */
export function read(input: string | readonly ManifestInput[], options: Options = {}) {
  const notices: Notice[] = [];
  const inputs = typeof input === 'string' ? [{ file: 'a.yaml', text: input }] : input;
  const result: ManifestResult = readManifest(inputs, {
    guest: 'U',
    ...options,
    notices: (notice) => notices.push(notice),
  });
  return { ...result, notices };
}

/** Every problem: code, and place without the file. */
export function problems(input: string | readonly ManifestInput[], options: Options = {}) {
  try {
    read(input, options);
  } catch (error) {
    if (!(error instanceof ToolError)) throw error;
    return [error, ...error.also];
  }
  return [];
}

/** Code and place of every problem. */
export const codes = (input: string, options: Options = {}) =>
  problems(input, options).map(({ code, where }) => `${code} ${where?.replace('a.yaml:', '')}`);

/** A pod whose container, spec and metadata have further lines. */
export function pod({ container = '', spec = '', metadata = '' } = {}): string {
  const lines = (text: string, indent: string) =>
    text === '' ? '' : `${text.replace(/^/gm, indent)}\n`;
  return (
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n' +
    `${lines(metadata, '  ')}spec:\n  containers:\n  - name: c\n    image: i\n` +
    `${lines(container, '    ')}${lines(spec, '  ')}`
  );
}

/** The first workload of a text. */
export const workloadOf = (text: string, options: Options = {}): PodWorkload =>
  read(text, options).workloads[0]!;
/** The container of a pod that has these lines. */
export const containerOf = (container: string, options: Options = {}): Container =>
  workloadOf(pod({ container }), options).pod.containers[0]!;
