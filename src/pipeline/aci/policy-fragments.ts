/**
 * Fragments of the policies that `podseal policy` writes: each group imports what the user names and what its template
 * lists, and leaves the containers to a fragment that a guest would load by these imports (aci policy 8.2, 15.6, 15.7).
 * Nothing is left to a fragment whose envelope, issuer or svn was not verified.
 */
import { type DataMap, type DataValue, exactly, isList } from '../../core/data.js';
import { printCompact } from '../../core/data-json.js';
import { ToolError } from '../../core/error.js';
import type { NoticeSink } from '../../core/notice.js';
import { svnOf, unpackStatement } from '../../core/signed-statement.js';
import { isCovered } from '../../fragment/coverage.js';
import { expectedFrom, importAsData, importOf } from '../../fragment/import-statement.js';
import { parseFragment } from '../../fragment/payload.js';
import type { ArtifactStore } from '../../fragment/ports.js';
import { pullFragment } from '../../fragment/registry.js';
import type {
  OfferedFragment,
  SelectedFragment,
  SelectedFragments,
} from '../../fragment/select.js';
import { isInfrastructure } from '../../policy/aci/document.js';
import type { ContainerGroup } from '../../workload/container-group.js';
import { collectFragments } from './collect-fragments.js';
import type { AciRequest } from './generate.js';

/** What the user names. */
export interface FragmentSources {
  /** Checked import statements, for the policies of all groups. */
  readonly imports: readonly DataMap[];
  /** Signed fragments; each must fulfil an import. */
  readonly files: readonly OfferedFragment[];
}

export interface PolicyFragmentPorts {
  readonly store: ArtifactStore;
  /** The file that an import names as its `path`. */
  readonly readFile: (path: string) => Promise<Buffer>;
  /** True for an image in a registry, where fragments may be attached to it. */
  readonly isInRegistry: (image: string) => boolean;
  readonly notices: NoticeSink;
}

/** What generation needs to know, and what a guest of each group loads, in this order. */
export interface PolicyFragments extends Required<Pick<AciRequest, 'isCovered' | 'importsOf'>> {
  readonly fragmentsOf: (group: ContainerGroup) => readonly SelectedFragment[];
}

interface GroupFragments {
  readonly imports: readonly DataMap[];
  readonly selected: SelectedFragments;
}

/**
 * Finds the fragments of all groups. Throws FRAGMENT_INVALID for one that does not fit its import, for a file that fits
 * none, and for an import that the policy cannot state; and what reading and pulling throw.
 */
export async function openPolicyFragments(
  groups: readonly ContainerGroup[],
  { imports, files }: FragmentSources,
  ports: PolicyFragmentPorts,
): Promise<PolicyFragments> {
  imports.forEach(refuseFurtherConditions);
  const offered = files.map((file) => ({ ...file, ...namesOf(file) }));
  const found = new Map<ContainerGroup, GroupFragments>();
  const known = new Map<string, GroupFragments>();
  for (const group of groups) {
    const key = sourcesOf(group);
    const fragments = known.get(key) ?? (await collect(group, imports, offered, ports));
    known.set(key, fragments);
    found.set(group, fragments);
  }
  const all = [...found.values()].flatMap(({ selected }) => selected.fragments);
  const unused = files.find(({ bytes }) => !all.some((one) => one.bytes === bytes));
  if (unused !== undefined) throw notImported(unused);
  const coverage = new Coverage(ports.notices);
  return {
    importsOf: (group) => found.get(group)?.imports ?? [],
    isCovered: (container, group) =>
      coverage.isCovered(container, found.get(group)?.selected.containers ?? []),
    fragmentsOf: (group) => found.get(group)?.selected.fragments ?? [],
  };
}

/** Groups of which this is the same have the same fragments. */
function sourcesOf({ containers, fragments, standaloneFragments }: ContainerGroup): string {
  const images = new Set(containers.map(({ image }) => image));
  return printCompact([[...images], fragments, standaloneFragments]);
}

/** A signed fragment with the names that imports know it by. */
interface NamedFragment extends OfferedFragment {
  readonly issuer: string;
  readonly feed: string;
}

async function collect(
  group: ContainerGroup,
  named: readonly DataMap[],
  files: readonly NamedFragment[],
  ports: PolicyFragmentPorts,
): Promise<GroupFragments> {
  const stated = [...named, ...group.fragments];
  const own: DataMap[] = [];
  const pulled: NamedFragment[] = [];
  for (const reference of new Set(group.standaloneFragments)) {
    const { entry, fragment } = await pullStandalone(reference, group.at, ports.store);
    pulled.push(fragment);
    if ([...stated, ...own].some((each) => isOf(fragment, each))) continue;
    own.push(entry);
    noteTrust(fragment, group, ports.notices);
  }
  const known = new Set(group.fragments.map(statementOf));
  const imports = [...named, ...own].filter((entry) => {
    const isNew = !known.has(statementOf(entry));
    known.add(statementOf(entry));
    return isNew;
  });
  const wanted = [...group.fragments, ...imports].filter((entry) => !isInfrastructure(entry));
  refuseConflicts(wanted, group.at);
  const images = group.containers.map(({ image }) => image).filter(ports.isInRegistry);
  const selected = await collectFragments(wanted.length === 0 ? [] : images, wanted, {
    ...ports,
    strict: true,
    given: (entry) => [...pulled, ...files].find((each) => isOf(each, entry)),
  });
  return { imports, selected };
}

/** Whoever signed what the registry has is trusted by this policy. */
function noteTrust(
  { issuer, feed, what }: NamedFragment,
  { at }: ContainerGroup,
  notices: NoticeSink,
): void {
  notices({
    code: 'standalone-fragment-trusted',
    message: `the policy imports feed ${feed} of ${issuer}, since the template names ${what}: check that this is who you trust, or state it with --fragments`,
    where: at,
  });
}

/** A guest cannot load a fragment by two imports that take over different lists. */
function refuseConflicts(entries: readonly DataMap[], where: string): void {
  const seen = new Map<string, DataValue>();
  for (const entry of entries) {
    const { issuer, feed } = expectedFrom(entry);
    const names = printCompact([issuer, feed]);
    const includes = exactly(entry, 'includes');
    const earlier = seen.get(names) ?? includes;
    seen.set(names, earlier);
    if (sortedText(earlier) === sortedText(includes)) continue;
    throw new ToolError('FRAGMENT_INVALID', `two imports of feed ${feed} have different includes`, {
      where,
      want: 'one import of each feed of an issuer',
      got: `${printCompact(earlier)} and ${printCompact(includes)}`,
      hints: ['a guest refuses to load such a fragment: keep the import that is meant'],
    });
  }
}

const sortedText = (list: DataValue): string =>
  printCompact(isList(list) ? list.map((word) => printCompact(word)).sort() : list);

function isOf({ issuer, feed }: NamedFragment, entry: DataMap): boolean {
  const expected = expectedFrom(entry);
  return issuer === expected.issuer && feed === expected.feed;
}

/** An import as the policy states it. */
function statementOf(entry: DataMap): string {
  const members = ['feed', 'issuer', 'minimum_svn', 'includes'];
  return printCompact(members.map((key): DataValue => exactly(entry, key)));
}

/** Throws FRAGMENT_INVALID for bytes that are no signed fragment. */
function namesOf({ bytes, what }: OfferedFragment): { issuer: string; feed: string } {
  const unpacked = unpackStatement(bytes, what);
  if (unpacked.ok) return unpacked.statement;
  throw new ToolError('FRAGMENT_INVALID', `${what} is not a signed fragment: ${unpacked.message}`, {
    where: what,
    want: 'a COSE_Sign1 envelope whose certificates and signature are valid',
    hints: ['podseal fragment sign FILE --key KEY --chain PEM --feed NAME makes one of a text'],
  });
}

/** The fragment behind a reference, and its import with its own svn as minimum. */
async function pullStandalone(
  reference: string,
  where: string,
  store: ArtifactStore,
): Promise<{ readonly entry: DataMap; readonly fragment: NamedFragment }> {
  const { bytes } = await pullFragment(store, reference);
  const fragment = { bytes, what: reference };
  const named = { ...fragment, ...namesOf(fragment) };
  const svn = ownSvn(bytes, reference);
  if (svn === undefined) {
    throw new ToolError('FRAGMENT_INVALID', `fragment ${reference} states no svn`, { where });
  }
  return { entry: importAsData(importOf(bytes, reference, svn)), fragment: named };
}

/** Of the text, else of the envelope's claims. */
function ownSvn(bytes: Buffer, what: string): string | undefined {
  const unpacked = unpackStatement(bytes, what);
  if (!unpacked.ok) return undefined;
  const { svn } = parseFragment(unpacked.statement.payload, what);
  if (svn !== undefined) return String(svn);
  const claim = svnOf(unpacked.statement);
  return claim.kind === 'number' ? String(claim.value) : undefined;
}

/** Members that guests would heed, but that policies of this format do not state: left out they would not count. */
const FURTHER_CONDITIONS = ['required_receipts', 'parameters'];

function refuseFurtherConditions(entry: DataMap): void {
  const found = FURTHER_CONDITIONS.find((key) => exactly(entry, key) !== null);
  if (found === undefined) return;
  const { feed } = expectedFrom(entry);
  throw new ToolError('FRAGMENT_INVALID', `the import of ${feed} has ${found}`, {
    want: 'feed, issuer, minimum_svn, includes, and path where the fragment is a file',
    hints: [`the policies that podseal writes do not state ${found}, so that it would not count`],
  });
}

function notImported({ what, bytes }: OfferedFragment): ToolError {
  const { issuer, feed } = namesOf({ what, bytes });
  return new ToolError('FRAGMENT_INVALID', `no policy imports the fragment ${what}`, {
    where: what,
    want: 'an import of its issuer and feed',
    got: `issuer ${issuer}, feed ${feed}`,
    hints: [
      `podseal fragment import ${what} > imports.json prints the import, once you trust the issuer; then --fragments imports.json`,
    ],
  });
}

/** Says of each container once what was decided. */
class Coverage {
  readonly #notices: NoticeSink;

  constructor(notices: NoticeSink) {
    this.#notices = notices;
  }

  /** As the reference decides, but only if the guest would agree: layers count, and no member may be missing. */
  isCovered(container: DataMap, allowed: readonly DataMap[]): boolean {
    const alike = allowed.filter((each) => isCovered(container, [each]));
    if (alike.length === 0) return false;
    const problems = alike.map((each) => misfitOf(container, each));
    const subject = nameOf(container);
    if (problems.includes(undefined)) {
      this.#notices({
        code: 'container-left-to-fragment',
        level: 'info',
        message: `container ${subject} is left out of the policy: a fragment that it imports allows it`,
      });
      return true;
    }
    this.#notices({
      code: 'fragment-container-differs',
      message: `container ${subject} stays in the policy: the one of the fragment ${problems[0] ?? ''}, so that a guest would not take it`,
    });
    return false;
  }
}

const NAMES: readonly string[] = ['id', 'name'];

function misfitOf(container: DataMap, allowed: DataMap): string | undefined {
  const layers = [container, allowed].map((each) => printCompact(exactly(each, 'layers')));
  if (layers[0] !== layers[1]) return 'has other layers';
  const missing = [...container.keys()].find((key) => !NAMES.includes(key) && !allowed.has(key));
  return missing === undefined ? undefined : `has no ${missing}`;
}

function nameOf(container: DataMap): string {
  const told = ['name', 'id'].map((key) => exactly(container, key));
  return String(told.find((one) => typeof one === 'string') ?? 'without a name');
}
