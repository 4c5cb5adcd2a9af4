/** What dm-verity must be told beside image and hash tree: as text for people, and as the commands that need it. */
import { HASH_BYTES } from '../core/block-hash.mjs';
import type { RootHash } from '../core/digest.js';
import { BLOCK_BYTES } from './ports.js';

const SECTOR_BYTES = 512;
const SALT_HEX: string = '00'.repeat(HASH_BYTES);

export interface VerityParameters {
  readonly rootHash: RootHash;
  /** Blocks of the image. */
  readonly dataBlocks: number;
  /** File names of image and tree, without folder. */
  readonly image: string;
  readonly tree: string;
}

/** The text: one `key=value` per line, then a command for veritysetup and one for dmsetup. */
export function printVerityParameters(parameters: VerityParameters): string {
  const { rootHash, dataBlocks, image, tree } = parameters;
  const values = {
    'root-hash': rootHash,
    'data-file': image,
    'hash-file': tree,
    format: '1',
    hash: 'sha256',
    'data-block-size': `${BLOCK_BYTES}`,
    'hash-block-size': `${BLOCK_BYTES}`,
    'data-blocks': `${dataBlocks}`,
    'hash-offset': '0',
    salt: SALT_HEX,
  };
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  const sectors = dataBlocks * (BLOCK_BYTES / SECTOR_BYTES);
  return [
    ...lines,
    '',
    '# check the files:',
    `# ${verityCommand(parameters)}`,
    '# open them, with IMAGE and TREE as block devices (losetup --read-only --show --find FILE):',
    `# dmsetup create layer --readonly --table '0 ${sectors} verity 1 IMAGE TREE ${BLOCK_BYTES} ${BLOCK_BYTES} ${dataBlocks} 0 sha256 ${rootHash} ${SALT_HEX}'`,
    '',
  ].join('\n');
}

/** The call of veritysetup (cryptsetup) that compares image, tree and root hash. */
function verityCommand({ rootHash, dataBlocks, image, tree }: VerityParameters): string {
  const options = [
    '--no-superblock',
    '--format=1',
    '--hash=sha256',
    `--data-block-size=${BLOCK_BYTES}`,
    `--hash-block-size=${BLOCK_BYTES}`,
    `--data-blocks=${dataBlocks}`,
    '--hash-offset=0',
    `--salt=${SALT_HEX}`,
  ];
  return `veritysetup verify ${options.join(' ')} ${image} ${tree} ${rootHash}`;
}
