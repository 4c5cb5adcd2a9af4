/** Finds what the guest cannot see in a finished tree (spec layer-hash-tarfs sections 4.6 and 5.3). */
import { type IndexLayout, pathOfStep } from './index-layout.js';
import type { LayerNotices } from './layer-notices.js';
import type { LongLinks } from './long-links.js';
import { FLAG_CHANGED, type Tree, TYPE_DIRECTORY, TYPE_SYMLINK } from './tree.js';

/** The kernel's longest file name. */
const NAME_BYTES_MAX = 255;
const TWO_32 = 2 ** 32;

/** Reports to `notices`; changes nothing. */
export function reportLayout(
  tree: Tree,
  layout: IndexLayout,
  longLinks: LongLinks,
  notices: LayerNotices,
): void {
  if (tree.type(tree.root) !== TYPE_DIRECTORY) notices.add('root-not-a-directory', () => './');
  reportSteps(tree, layout, notices);
  if (longLinks.targets.length > 0) reportLongLinks(tree, layout, longLinks, notices);
}

function reportSteps(tree: Tree, { walk }: IndexLayout, notices: LayerNotices): void {
  const changed = new Set<number>();
  for (let step = 0; step < walk.count; step++) {
    const node = walk.nodes[step]!;
    const path = () => pathOfStep(walk, step);
    if (tree.hasChildren(node) && tree.type(node) !== TYPE_DIRECTORY && step > 0) {
      const isPlaceholder = tree.type(node) === 0;
      notices.add(isPlaceholder ? 'implied-parent-directories' : 'members-below-files', path);
    }
    if (walk.names[step]!.length > NAME_BYTES_MAX) notices.add('long-names', path);
    if ((tree.flags[node]! & FLAG_CHANGED) === 0) continue;
    if (changed.has(node)) notices.add('changed-hard-links', path);
    changed.add(node);
  }
}

/** Compares the bytes at each place that was handed out with the target that should stand there. */
function reportLongLinks(
  tree: Tree,
  layout: IndexLayout,
  longLinks: LongLinks,
  notices: LayerNotices,
): void {
  const { walk, targetsOffset, namesOffset } = layout;
  const stored = longLinks.targets.join('');
  const kept = new Set<number>();
  for (let step = 0; step < walk.count; step++) {
    const node = walk.nodes[step]!;
    const index = longLinks.indexOf(node);
    if (index === undefined || tree.type(node) !== TYPE_SYMLINK) continue;
    kept.add(index);
    const target = longLinks.targets[index]!;
    const at = tree.offsetHigh[node]! * TWO_32 + tree.offsetLow[node]! - targetsOffset;
    if (!stored.startsWith(target, at))
      notices.add('misplaced-link-targets', () => pathOfStep(walk, step));
  }
  if (targetsOffset + longLinks.bytes === namesOffset) return;
  longLinks.names.forEach((name, index) => {
    if (!kept.has(index)) notices.add('displaced-names', () => name);
  });
}
