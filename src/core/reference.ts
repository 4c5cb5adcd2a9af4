/**
 * Image references by the Docker reference grammar (distribution/reference), with its defaults: registry docker.io,
 * `library/` before a one-part name on docker.io, tag `latest` where there is neither tag nor digest.
 */
import type { Digest } from './digest.js';
import { ToolError } from './error.js';

export interface ImageReference {
  /** As written by the user. */
  readonly text: string;
  /** Host with optional port; `docker.io` for Docker Hub. */
  readonly registry: string;
  /** Path below the registry, e.g. `library/busybox`. */
  readonly repository: string;
  /** As written, or `latest` where neither tag nor digest is given. */
  readonly tag?: string;
  readonly digest?: Digest;
}

const HUB = 'docker.io';
/** Longest repository path, without registry (distribution/reference). */
const REPOSITORY_MAX = 255;
/** Longer than any valid reference: 255 for the host, 255 for the path, 128 for the tag, 71 for the digest. */
const TEXT_MAX = 1024;

const HOST_LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const REGISTRY = new RegExp(
  `^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`,
);
const PATH_PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const SHA256 = /^sha256:[0-9a-f]{64}$/;
const ANY_DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const IDENTIFIER = /^[0-9a-f]{64}$/;

/** `[registry/]repository[:tag][@digest]` -> reference with defaults. Throws IMAGE_REFERENCE_INVALID. */
export function parseReference(text: string): ImageReference {
  if (text === '') throw invalid(text, 'is empty', 'an image name such as busybox:1.36');
  if (text.length > TEXT_MAX) throw invalid(text, 'is too long', `at most ${TEXT_MAX} characters`);
  if (/\s/.test(text)) throw invalid(text, 'holds white space', 'no blanks or line ends');
  if (/^[a-z]+:\/\//i.test(text)) {
    throw invalid(text, 'starts with a URL scheme', 'registry/repository:tag without https://');
  }
  const at = text.indexOf('@');
  const named = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : parseDigestPart(text, text.slice(at + 1));
  const { name, tag } = splitTag(text, named);
  const { registry, repository } = splitRegistry(text, name);
  const effectiveTag = tag ?? (digest === undefined ? 'latest' : undefined);
  return {
    text,
    registry,
    repository,
    ...(effectiveTag === undefined ? {} : { tag: effectiveTag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** The canonical form: registry and repository in full, then the tag and the digest that there are. */
export function printReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${reference.registry}/${reference.repository}${tag}${digest}`;
}

/**
 * The same text for references that name the same image: `busybox` and `docker.io/library/busybox:latest`, or one
 * digest of one repository with and without a tag. A digest counts more than the tag beside it.
 */
export function referenceKey(reference: ImageReference): string {
  const name = `${reference.registry}/${reference.repository}`;
  return reference.digest === undefined
    ? `${name}:${reference.tag}`
    : `${name}@${reference.digest}`;
}

function parseDigestPart(text: string, digest: string): Digest {
  if (SHA256.test(digest)) return digest as Digest;
  if (ANY_DIGEST.test(digest) && !digest.startsWith('sha256:')) {
    throw invalid(text, 'has a digest of another algorithm', 'sha256: and 64 hex digits');
  }
  throw invalid(text, 'has an invalid digest', 'sha256: and 64 lower-case hex digits');
}

/** A colon behind the last slash starts the tag; before it, it belongs to the port of the registry. */
function splitTag(text: string, named: string): { name: string; tag?: string } {
  const colon = named.indexOf(':', named.lastIndexOf('/') + 1);
  if (colon < 0) return { name: named };
  const tag = named.slice(colon + 1);
  if (TAG.test(tag)) return { name: named.slice(0, colon), tag };
  throw invalid(
    text,
    'has an invalid tag',
    'letters, digits, "_", "." and "-", at most 128, not starting with "." or "-"',
  );
}

/** The first part is a registry if it holds a dot, a colon or an upper-case letter, or is localhost. */
function splitRegistry(text: string, name: string): { registry: string; repository: string } {
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const isHost = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  const host = isHost ? first : HUB;
  const path = isHost ? name.slice(slash + 1) : name;
  if (!REGISTRY.test(host)) {
    throw invalid(text, 'has an invalid registry', 'a host name, with or without :port');
  }
  const registry = host === 'index.docker.io' ? HUB : host;
  checkPath(text, path);
  const repository = registry === HUB && !path.includes('/') ? `library/${path}` : path;
  if (repository.length > REPOSITORY_MAX) {
    throw invalid(text, 'has a repository that is too long', `at most ${REPOSITORY_MAX}`);
  }
  if (host === HUB && !isHost && IDENTIFIER.test(path)) {
    throw invalid(
      text,
      'is an image identifier, not a name',
      'a name; for a digest NAME@sha256:HEX',
    );
  }
  return { registry, repository };
}

function checkPath(text: string, path: string): void {
  if (path.split('/').every((part) => PATH_PART.test(part))) return;
  if (path !== path.toLowerCase()) {
    throw invalid(text, 'has an upper-case repository', path.toLowerCase());
  }
  throw invalid(
    text,
    'has an invalid repository',
    'parts of a-z and 0-9, joined by ".", "_", "__" or "-", between slashes',
  );
}

function invalid(text: string, problem: string, want: string): ToolError {
  return new ToolError('IMAGE_REFERENCE_INVALID', `image reference ${problem}`, {
    want,
    got: text.length > 300 ? `${text.slice(0, 300)}...` : text,
    hints: ['a reference is [registry/]repository[:tag][@sha256:digest]'],
  });
}
