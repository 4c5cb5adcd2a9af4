/** Random entries through the writer, read back from the image, against the rules in their plainest wording. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ToolError } from '../../../src/core/error.js';
import { archive, type Member } from './archive.js';
import { convert, ruleOf } from './convert.js';
import { type ReadInode, readImage } from './image-reader.js';
import { type NaiveNode, NaiveRefusal, NaiveTree } from './naive-tree.js';

const part = fc.constantFrom('a', 'b', 'a', 'b', 'a-name-of-some-length', '.', '..', '');
const path = fc
  .tuple(
    fc.array(part, { maxLength: 3 }),
    fc.constantFrom('a', 'b', 'c', 'd', '.wh.a', '.wh..wh..opq', '.wh.', '', 'n'.repeat(255)),
  )
  .map(([parts, last]) => [...parts, last].join('/'));
const xattr = fc.tuple(
  fc.constantFrom('user.a', 'user.bb', 'trusted.x', 'security.selinux', 'other'),
  fc.constantFrom('', 'v', 'value', 'v'.repeat(30), 'v'.repeat(90), '\xff\x00\x01'),
);
const member: fc.Arbitrary<Member> = fc.record(
  {
    name: path,
    type: fc.constantFrom('0', '0', '0', '5', '5', '5', '2', '1', '1', '3', '4', '6', '7'),
    linkname: fc.oneof(path, fc.constantFrom('t'.repeat(59), 't'.repeat(60))),
    data: fc.constantFrom('', '', '', 'x', 'x'.repeat(4096), 'y'.repeat(4097)),
    mode: fc.integer({ min: 0, max: 0xfff }),
    uid: fc.constantFrom(0, 1000, 65536, 2097151),
    gid: fc.constantFrom(0, 70000),
    mtime: fc.constantFrom(0, 1700000000),
    devmajor: fc.constantFrom(0, 5, 0xfff),
    devminor: fc.constantFrom(0, 1, 0xffff),
    pax: fc
      .array(xattr, { maxLength: 4 })
      .map((list) => list.map(([name, value]) => [`SCHILY.xattr.${name}`, value] as const)),
  },
  { requiredKeys: ['name', 'type', 'mode'] },
);

const HEADER_ONLY = new Set(['1', '2', '3', '4', '5', '6']);

/** What the naive rules give; the entries in front of the first refusal. */
function naive(list: readonly Member[]) {
  const tree = new NaiveTree();
  const accepted: Member[] = [];
  for (const entry of list) {
    try {
      tree.add(entry);
    } catch (error) {
      if (error instanceof NaiveRefusal) return { accepted: undefined, rule: error.message };
      throw error;
    }
    accepted.push(entry);
  }
  return { tree, accepted, rule: undefined };
}

function describeNode(node: NaiveNode) {
  return {
    number: node.number,
    mode: node.mode,
    uid: node.uid,
    gid: node.gid,
    links: node.links,
    times: { atime: '0:0', ctime: '0:0', mtime: `${node.mtime}:0`, crtime: `${node.mtime}:0` },
    content: node.content,
    device: node.device,
    xattrs: Object.fromEntries([...node.block, ...node.inline].sort()),
  };
}

function describeInode(inode: ReadInode) {
  const { number, mode, uid, gid, links, times, device } = inode;
  const isDirectory = mode >> 12 === 4;
  return {
    number,
    mode,
    uid,
    gid,
    links,
    times,
    content: isDirectory ? '' : inode.content.toString('latin1'),
    device: mode >> 12 === 2 || mode >> 12 === 6 ? device : [0, 0],
    xattrs: Object.fromEntries([...inode.xattrs].sort()),
  };
}

function* walk(node: NaiveNode, at: string): Generator<[string, NaiveNode]> {
  yield [at, node];
  for (const [name, child] of node.children) {
    yield* walk(child, at === '' ? name : `${at}/${name}`);
  }
}

function outcome(list: readonly Member[]) {
  try {
    return { image: convert([archive(list)]).image, rule: undefined };
  } catch (error) {
    if (error instanceof ToolError) return { image: undefined, rule: ruleOf(error) };
    throw error;
  }
}

/** Entries as a tar can hold them: only regular files have data. */
function legal(list: readonly Member[]): Member[] {
  return list.map((entry) => (HEADER_ONLY.has(entry.type ?? '0') ? { ...entry, data: '' } : entry));
}

function compareWithNaive(list: readonly Member[]): void {
  const { tree, rule } = naive(list);
  const result = outcome(list);
  expect(result.rule).toBe(rule);
  if (tree === undefined || result.image === undefined) return;
  const read = readImage(result.image);
  const wanted = new Map([...walk(tree.root, '')].map(([at, node]) => [at, describeNode(node)]));
  const found = new Map([...read].map(([at, inode]) => [at, describeInode(inode)]));
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted));
}

describe('tree', () => {
  it('is what the rules give, or refused by the same rule', () => {
    fc.assert(
      fc.property(fc.array(member, { minLength: 1, maxLength: 12 }), (list) =>
        compareWithNaive(legal(list)),
      ),
      { seed: 0xc0de, numRuns: 500 },
    );
  });

  it('keeps to the rules in long archives: what would be refused is left out', () => {
    fc.assert(
      fc.property(fc.array(member, { minLength: 30, maxLength: 80 }), (list) => {
        const kept: Member[] = [];
        for (const entry of legal(list)) {
          if (naive([...kept, entry]).rule === undefined) kept.push(entry);
        }
        expect(kept.length).toBeGreaterThan(5);
        compareWithNaive(kept);
      }),
      { seed: 0xc0de, numRuns: 60 },
    );
  });
});
