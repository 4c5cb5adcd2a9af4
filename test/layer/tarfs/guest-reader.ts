/** Reads a tarfs image as the guest's kernel does: from the superblock down, nothing but the index. */

const TYPES = new Map([
  [0o040000, 'directory'],
  [0o100000, 'file'],
  [0o120000, 'symlink'],
  [0o020000, 'character-device'],
  [0o060000, 'block-device'],
  [0o010000, 'fifo'],
]);
const DIRENT_TYPES: Readonly<Record<number, string>> = {
  1: 'fifo',
  2: 'character-device',
  4: 'directory',
  6: 'block-device',
  8: 'file',
  10: 'symlink',
};

export interface GuestNode {
  readonly inode: number;
  readonly type: string;
  readonly mode: number;
  readonly isOpaque: boolean;
  readonly mtime: number;
  readonly uid: number;
  readonly gid: number;
  /** Data of a file, target of a symbolic link, else empty. */
  readonly content: Buffer;
}

/** All paths that the guest can reach, from the root (the empty path). */
export function readTarfs(image: Buffer): Map<string, GuestNode> {
  const superblock = image.length - 512;
  const table = Number(image.readBigUInt64LE(superblock));
  const count = Number(image.readBigUInt64LE(superblock + 8));
  if (image.length % 4096 !== 0 || table + 32 * count > image.length) throw new Error('superblock');
  const found = new Map<string, GuestNode>();
  const visit = (path: string, inode: number, expectedType: string) => {
    if (inode < 1 || inode > count) throw new Error(`inode of ${path}`);
    const at = table + 32 * (inode - 1);
    const mode = image.readUInt16LE(at);
    const type = TYPES.get(mode & 0o170000);
    if (type === undefined || type !== expectedType) throw new Error(`type of ${path}`);
    const size = Number(image.readBigUInt64LE(at + 16));
    const offset = Number(image.readBigUInt64LE(at + 24));
    const hasContent = type === 'file' || type === 'symlink';
    found.set(path, {
      inode,
      type,
      mode: mode & 0o777,
      isOpaque: (image[at + 2]! & 1) === 1,
      mtime: image.readUInt32LE(at + 12) + (image[at + 3]! & 15) * 2 ** 32,
      uid: image.readUInt32LE(at + 4),
      gid: image.readUInt32LE(at + 8),
      content: image.subarray(offset, hasContent ? offset + size : offset),
    });
    if (type !== 'directory') return;
    for (let entry = offset; entry < offset + size; entry += 32) {
      const nameAt = Number(image.readBigUInt64LE(entry + 8));
      const name = image.toString(
        'utf8',
        nameAt,
        nameAt + Number(image.readBigUInt64LE(entry + 16)),
      );
      const childType = DIRENT_TYPES[image[entry + 24]!];
      if (childType === undefined) continue;
      visit(
        path === '' ? name : `${path}/${name}`,
        Number(image.readBigUInt64LE(entry)),
        childType,
      );
    }
  };
  visit('', 1, 'directory');
  return found;
}
