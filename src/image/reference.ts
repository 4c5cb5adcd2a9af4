/** Image references. The grammar stands in core/, since manifests, layouts and registries need it as well. */
export {
  type ImageReference,
  isSameReference,
  parseReference,
  printReference,
  referenceKey,
} from '../core/reference.js';
