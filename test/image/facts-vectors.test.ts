/** Facts of the images of the ACI vectors. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseReference } from '../../src/core/reference.js';
import { findImageFacts, mergeImageFacts, parseImageFacts } from '../../src/image/facts.js';
import { vectorsDir } from '../support/vectors.js';

const LINUX = { os: 'linux', architecture: 'amd64' };
const aci = vectorsDir('aci');

describe('the image tables of the ACI vectors', () => {
  it.runIf(aci !== undefined)('can be written as facts by hand', () => {
    const { images } = JSON.parse(readFileSync(join(aci!, 'images.json'), 'utf8')) as {
      images: {
        references: string[];
        os: string;
        architecture: string;
        config: object;
        layers: string[];
      }[];
    };
    const linuxImages = images.filter(({ os }) => os === 'linux');
    expect(linuxImages.length).toBeGreaterThan(5);
    const written = linuxImages.map(({ references, os, architecture, config, layers }) => ({
      references,
      platform: `${os}/${architecture}`,
      config,
      layers: layers.map((ext4) => ({ rootHashes: { ext4 } })),
    }));
    const text = JSON.stringify({ format: 'podseal.image-facts/v1', images: written });
    const facts = mergeImageFacts([parseImageFacts(text, 'facts.json')]);
    for (const { references, layers } of linuxImages) {
      for (const reference of references) {
        const found = findImageFacts(facts, parseReference(reference), LINUX)!;
        expect(found.layers.map(({ rootHashes }) => rootHashes.ext4)).toEqual(layers);
      }
    }
  });
});
