/** A source of images that asks another one for each image. */
import type { ImageSource } from '../image/types.js';

/** `sourceOf` gives the source of an image by its reference; it is asked for every manifest and blob. */
export function delegateImages(sourceOf: (reference: string) => Promise<ImageSource>): ImageSource {
  return {
    async fetchManifest(reference, descriptor) {
      return (await sourceOf(reference)).fetchManifest(reference, descriptor);
    },
    async openBlob(reference, descriptor) {
      return (await sourceOf(reference)).openBlob(reference, descriptor);
    },
  };
}
