/**
 * A layer's file system image with its hash tree and parameters as files of one folder. All are made beside their
 * places and moved there together at the end. Bytes go to disk as they come, so that memory stays bounded.
 */
import { ftruncateSync, writeSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlockReader, BlockStore } from '../layer/hash-tree.js';
import type { ImageCopy } from '../layer/image-copy.js';
import { createTemporaryFile, type TemporaryFile, unreadable, unwritable } from './files.js';

/** Bytes gathered for one write of the image. */
const BUFFER_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4096;

/** File names of a layer that is written out. */
export interface ImageFileNames {
  readonly image: string;
  readonly tree: string;
  readonly parameters: string;
}

/** The open files. Every failure is FILE_WRITE_FAILED or FILE_NOT_FOUND (reading back). */
export interface ImageFiles {
  readonly image: ImageCopy & BlockReader;
  readonly tree: BlockStore;
  /** Completes the image: what is buffered is written, its length set. Gives the number of its blocks. */
  endImage(): number;
  /** Writes the parameters and puts all files in their places; gives their paths. */
  commit(parameters: string): Promise<ImageFileNames>;
  /** Removes what was not put in place. Never throws. */
  discard(): Promise<void>;
}

/** Opens the files in `folder`, which is made if it does not exist. Throws FILE_WRITE_FAILED. */
export async function openImageFiles(folder: string, names: ImageFileNames): Promise<ImageFiles> {
  const paths = {
    image: join(folder, names.image),
    tree: join(folder, names.tree),
    parameters: join(folder, names.parameters),
  };
  await mkdir(folder, { recursive: true }).catch((cause) => {
    throw unwritable(folder, cause);
  });
  const opened: TemporaryFile[] = [];
  const create = async (path: string) => {
    const file = await createTemporaryFile(path);
    opened.push(file);
    return file;
  };
  const discard = async () => {
    for (const file of opened) await file.discard();
  };
  try {
    const [image, tree] = [await create(paths.image), await create(paths.tree)];
    const writer = new ImageWriter(image, paths.image);
    return {
      image: writer,
      tree: createStore(tree, paths.tree),
      endImage: () => writer.end(),
      async commit(text) {
        try {
          const parameters = await create(paths.parameters);
          await parameters.handle.writeFile(text);
          for (const file of [image, tree, parameters]) await file.commit();
        } catch (cause) {
          throw unwritable(folder, cause);
        }
        return paths;
      },
      discard,
    };
  } catch (cause) {
    await discard();
    throw unwritable(folder, cause);
  }
}

/** The image: appended through a buffer, zeros left out as holes, blocks replaced in place. */
class ImageWriter implements ImageCopy, BlockReader {
  readonly #file: TemporaryFile;
  readonly #path: string;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #buffered = 0;
  /** Place of the buffer in the image. */
  #start = 0;

  constructor(file: TemporaryFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const size = Math.min(bytes.length - done, BUFFER_BYTES - this.#buffered);
      this.#buffer.set(bytes.subarray(done, done + size), this.#buffered);
      this.#buffered += size;
      done += size;
      if (this.#buffered === BUFFER_BYTES) this.#flush();
    }
  }

  appendZeros(count: number): void {
    this.#flush();
    this.#start += count;
  }

  patchBlock(index: number, block: Uint8Array): void {
    this.#flush();
    this.#write(block, index * BLOCK_BYTES);
  }

  end(): number {
    this.#flush();
    try {
      ftruncateSync(this.#file.handle.fd, this.#start);
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
    return this.#start / BLOCK_BYTES;
  }

  read(at: number, into: Uint8Array): Promise<void> {
    return readFully(this.#file, this.#path, { at, into });
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#buffered), this.#start);
    this.#start += this.#buffered;
    this.#buffered = 0;
  }

  #write(bytes: Uint8Array, at: number): void {
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#file.handle.fd, bytes, done, bytes.length - done, at + done);
    } catch (cause) {
      throw unwritable(this.#path, cause);
    }
  }
}

function createStore(file: TemporaryFile, path: string): BlockStore {
  return {
    read: (at, into) => readFully(file, path, { at, into }),
    async write(at, bytes) {
      try {
        for (let done = 0; done < bytes.length; ) {
          const rest = bytes.length - done;
          done += (await file.handle.write(bytes, done, rest, at + done)).bytesWritten;
        }
      } catch (cause) {
        throw unwritable(path, cause);
      }
    },
  };
}

async function readFully(
  { handle }: TemporaryFile,
  path: string,
  { at, into }: { readonly at: number; readonly into: Uint8Array },
): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const rest = into.length - done;
    const { bytesRead } = await handle.read(into, done, rest, at + done).catch((cause) => {
      throw unreadable(path, cause);
    });
    if (bytesRead === 0) throw unreadable(path, new Error('it ends early'));
    done += bytesRead;
  }
}
