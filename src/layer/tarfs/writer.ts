/**
 * Layer tar -> tarfs image: the tar as it is, an index behind it, padding and a superblock (spec layer-hash-tarfs). One
 * pass; memory holds the tree, never file data.
 */
import type { LayerWriter, LayerWriterOptions } from '../ports.js';
import { buildIndexLayout } from './index-layout.js';
import { writeIndex } from './index-writer.js';
import { createLayerNotices } from './layer-notices.js';
import { reportLayout } from './report-layout.js';
import { createTarReader } from './tar-reader.js';
import { createTreeBuilder, type TarCrate, type TarfsVariant } from './tree-builder.js';

export interface TarfsWriterOptions extends LayerWriterOptions {
  /** Index writer of the platform: `fork` (AKS releases since 3.2.0.azl1, default) or `original`. */
  readonly variant?: TarfsVariant;
  /** Tar parser: `0.4.40` (the generator and default; stands for up to 0.4.44) or `0.4.38` (the host). */
  readonly tarCrate?: TarCrate;
}

/**
 * Writer of one layer's tarfs image. `write` and `end` throw LAYER_INVALID where the platform refuses the layer (or never
 * comes to an end), LIMIT_EXCEEDED beyond a limit; the image is then worthless. Notices come with `end`.
 */
export function createTarfsWriter(options: TarfsWriterOptions): LayerWriter {
  const { sink, variant = 'fork', tarCrate = '0.4.40' } = options;
  const notices = createLayerNotices(options.notices);
  const builder = createTreeBuilder(variant, tarCrate, notices);
  const reader = createTarReader({
    member(member) {
      builder.apply(member);
      return false;
    },
    content() {},
  });
  return {
    write(chunk) {
      sink.append(chunk);
      reader.write(chunk);
    },
    end() {
      reader.end();
      const { tree, longLinks } = builder;
      const layout = buildIndexLayout(tree, longLinks, sink.length);
      reportLayout(tree, layout, longLinks, notices);
      notices.flush();
      writeIndex(tree, layout, sink);
    },
  };
}
