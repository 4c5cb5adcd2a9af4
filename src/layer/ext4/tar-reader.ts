/**
 * Push parser for an uncompressed layer tar with the semantics of Go's archive/tar (layer hash specification,
 * section 3): bytes in any chunking -> entries and their content. Strings are latin-1 views of bytes.
 */
import {
  buildLimitError,
  buildRefusal,
  type EntryPosition,
  type Ext4Limits,
  type Refuse,
} from './refusal.js';
import { ContentRuns, type ContentTarget } from './tar-content.js';
import { EXTENSION_TYPES, PendingExtensions } from './tar-extensions.js';
import {
  clearForGlobal,
  findFormat,
  HeaderBlock,
  isHeaderOnly,
  readTarHeader,
  TAR_BLOCK_BYTES,
  TarEntry,
  TYPE,
} from './tar-header.js';
import { applyGlobalRecords, parsePaxRecords } from './tar-pax.js';
import {
  buildFragments,
  DataMapReader,
  readGnuSparseExtension,
  readGnuSparseHeader,
  readPaxSparseRecords,
  readRecordMap,
  type SparseNumbers,
} from './tar-sparse.js';

/** Receives what the reader finds, in tar order. All calls happen inside TarReader.write. */
export interface TarHandler extends ContentTarget {
  /** A complete entry (the object is reused). True if its content is wanted; otherwise it is skipped unchecked. */
  openEntry(entry: TarEntry): boolean;
  /** End of a wanted content. */
  closeEntry(): void;
  /** An extended header had no effect: another `x` header or a `g` header came before its entry. */
  dropExtension(): void;
}

const STATE = {
  header: 0,
  secondZero: 1,
  extension: 2,
  sparseExtension: 3,
  sparseData: 4,
  content: 5,
  skip: 6,
  padding: 7,
  done: 8,
} as const;

type State = (typeof STATE)[keyof typeof STATE];

/** What the stream broke off in, where that is a failure. */
const PLACES: Readonly<Partial<Record<State, string>>> = {
  [STATE.header]: 'end inside a header',
  [STATE.secondZero]: 'end inside the end-of-archive mark',
  [STATE.extension]: 'end inside an extended header',
  [STATE.sparseExtension]: 'end inside a sparse map',
  [STATE.sparseData]: 'end inside a sparse map',
  [STATE.content]: 'end inside the content',
  [STATE.skip]: 'end inside the content',
};

/** The parser. Refusals are ToolErrors (LAYER_INVALID, LIMIT_EXCEEDED); after one it must not be used any more. */
export class TarReader implements EntryPosition {
  /** Makes the error for the entry at hand. */
  readonly refuse: Refuse;
  index = 1;
  headerOffset = 0;
  readonly #handler: TarHandler;
  readonly #limits: Ext4Limits;
  readonly #content: ContentRuns;
  readonly #block = new HeaderBlock();
  readonly #entry = new TarEntry();
  readonly #pending = new PendingExtensions();
  #state: State = STATE.header;
  #isNamed = false;
  /** Bytes of the block, or of the extended header's data, that are there. */
  #filled = 0;
  /** Stored bytes of the current header's data that are still to come. */
  #left = 0;
  /** Bytes behind the data up to the next block. */
  #padding = 0;
  /** Bytes of the tar before the current chunk. */
  #consumed = 0;
  #data = Buffer.alloc(0);
  #sparseNumbers: SparseNumbers = [];
  #sparseBytes = 0;
  #dataMap: DataMapReader | undefined;

  constructor(handler: TarHandler, limits: Ext4Limits) {
    this.#handler = handler;
    this.#limits = limits;
    this.#content = new ContentRuns(handler);
    this.refuse = (rule, detail) => buildRefusal(rule, this, detail);
  }

  get name(): string | undefined {
    return this.#isNamed ? this.#entry.name : undefined;
  }

  /** Takes the next bytes of the tar. Bytes behind the end of the archive are ignored. */
  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    while (at < bytes.length && this.#state !== STATE.done) at = this.#advance(bytes, at);
    this.#consumed += bytes.length;
  }

  /** The tar has ended. Throws rule `unexpected-eof` where that is not an end of archive. */
  end(): void {
    const state = this.#state;
    const isBetween = (state === STATE.header || state === STATE.secondZero) && this.#filled === 0;
    const place = isBetween ? undefined : PLACES[state];
    if (state === STATE.header) this.headerOffset = this.#consumed - this.#filled;
    if (place !== undefined) throw this.refuse('unexpected-eof', place);
    this.#state = STATE.done;
  }

  /** Consumes some bytes from `at` on; gives where to go on. */
  #advance(bytes: Buffer, at: number): number {
    switch (this.#state) {
      case STATE.content:
        return this.#takeContent(bytes, at);
      case STATE.extension:
        return this.#takeExtension(bytes, at);
      case STATE.skip:
        return this.#takeSkipped(bytes, at);
      case STATE.padding:
        return this.#takePadding(bytes, at);
      default:
        return this.#takeBlock(bytes, at);
    }
  }

  #takeBlock(bytes: Buffer, at: number): number {
    const end = Math.min(at + TAR_BLOCK_BYTES - this.#filled, bytes.length);
    bytes.copy(this.#block.bytes, this.#filled, at, end);
    this.#filled += end - at;
    if (this.#filled < TAR_BLOCK_BYTES) return end;
    this.#filled = 0;
    if (this.#state === STATE.sparseExtension) this.#readExtensionBlock();
    else if (this.#state === STATE.sparseData) this.#readDataMapBlock();
    else this.#readHeaderBlock(this.#consumed + end - TAR_BLOCK_BYTES);
    return end;
  }

  #readHeaderBlock(offset: number): void {
    this.headerOffset = offset;
    const sum = this.#block.sum();
    if (sum === 0) {
      this.#state = this.#state === STATE.header ? STATE.secondZero : STATE.done;
      return;
    }
    if (this.#state === STATE.secondZero) {
      throw this.refuse('tar-header', 'one zero block followed by something else');
    }
    readTarHeader(this.#block.bytes, sum, this.#entry, this.refuse);
    this.#isNamed = true;
    this.#setStoredSize();
    if (EXTENSION_TYPES.has(this.#entry.type)) this.#startExtension();
    else this.#completeEntry();
  }

  /** Derives data and padding length from the entry's size. */
  #setStoredSize(): void {
    const { type, size } = this.#entry;
    const stored = isHeaderOnly(type) ? 0 : size;
    if (stored < 0) throw this.refuse('tar-header', 'negative size');
    this.#left = stored;
    this.#padding = (TAR_BLOCK_BYTES - (stored % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
  }

  #startExtension(): void {
    this.#checkExtensionSize(this.#left);
    if (this.#data.length < this.#left) this.#data = Buffer.alloc(this.#left);
    this.#state = STATE.extension;
    if (this.#left === 0) this.#readExtension();
  }

  #checkExtensionSize(size: number): void {
    if (size <= this.#limits.tarExtensionBytes) return;
    const what = `extended header or sparse map of ${size} bytes`;
    throw buildLimitError(this, what, this.#limits.tarExtensionBytes);
  }

  #takeExtension(bytes: Buffer, at: number): number {
    const end = Math.min(at + this.#left, bytes.length);
    bytes.copy(this.#data, this.#filled, at, end);
    this.#filled += end - at;
    this.#left -= end - at;
    if (this.#left === 0) this.#readExtension();
    return end;
  }

  /** The data of an `x`, `g`, `L` or `K` header is complete. */
  #readExtension(): void {
    const text = this.#data.toString('latin1', 0, this.#filled);
    const { type } = this.#entry;
    this.#filled = 0;
    if (type === TYPE.paxGlobal) this.#readGlobal(text);
    else if (this.#pending.add(type, text, this.refuse)) this.#handler.dropExtension();
    this.#startPadding();
  }

  /** A global header is an entry of its own, without any attribute but its name and records. */
  #readGlobal(text: string): void {
    const entry = this.#entry;
    const records = parsePaxRecords(text, this.refuse);
    if (this.#pending.drop()) this.#handler.dropExtension();
    clearForGlobal(entry);
    applyGlobalRecords(entry, records, this.refuse);
    if (this.#openEntry()) this.#handler.closeEntry();
    this.index++;
  }

  /** Header of an entry proper: applies what preceded it and finds out where its content lies. */
  #completeEntry(): void {
    const entry = this.#entry;
    this.#pending.apply(entry, this.refuse);
    if (entry.type === TYPE.nul) {
      entry.type = entry.name.endsWith('/') ? TYPE.directory : TYPE.regular;
    }
    this.#setStoredSize();
    if (entry.type === TYPE.gnuSparse) this.#startGnuSparse();
    else if (entry.records.size > 0) this.#startPaxSparse();
    else this.#startContent(undefined);
  }

  #startGnuSparse(): void {
    const block = this.#block.bytes;
    if (findFormat(block) !== 'gnu') {
      throw this.refuse('tar-header', 'sparse file in another format than GNU');
    }
    this.#sparseNumbers = [];
    this.#sparseBytes = 0;
    const hasMore = readGnuSparseHeader(block, this.#entry, this.#sparseNumbers, this.refuse);
    if (hasMore) this.#state = STATE.sparseExtension;
    else this.#startSparse(this.#sparseNumbers);
  }

  #readExtensionBlock(): void {
    this.#sparseBytes += TAR_BLOCK_BYTES;
    this.#checkExtensionSize(this.#sparseBytes);
    const hasMore = readGnuSparseExtension(this.#block.bytes, this.#sparseNumbers, this.refuse);
    if (!hasMore) this.#startSparse(this.#sparseNumbers);
  }

  #startPaxSparse(): void {
    const format = readPaxSparseRecords(this.#entry, this.refuse);
    if (format === 'none') this.#startContent(undefined);
    else if (format === 'records') this.#startSparse(readRecordMap(this.#entry, this.refuse));
    else this.#startDataMap();
  }

  #startDataMap(): void {
    this.#dataMap = new DataMapReader(this.refuse);
    this.#state = STATE.sparseData;
    this.#requireMapBlock();
  }

  /** The map in front of the data is read in whole blocks: the stored data must have one more. */
  #requireMapBlock(): void {
    if (this.#left < TAR_BLOCK_BYTES) throw this.refuse('unexpected-eof', PLACES[STATE.sparseData]);
  }

  #readDataMapBlock(): void {
    const map = this.#dataMap!;
    this.#left -= TAR_BLOCK_BYTES;
    const numbers = map.addBlock(this.#block.bytes);
    if (numbers !== undefined) {
      this.#dataMap = undefined;
      this.#startSparse(numbers);
      return;
    }
    this.#checkExtensionSize(map.sizeBytes + TAR_BLOCK_BYTES);
    this.#requireMapBlock();
  }

  #startSparse(numbers: SparseNumbers): void {
    const { type, size } = this.#entry;
    this.#sparseNumbers = [];
    if (isHeaderOnly(type))
      throw this.refuse('tar-header', 'sparse map of something without content');
    this.#startContent(buildFragments(numbers, size, this.refuse));
  }

  #startContent(fragments: ReturnType<typeof buildFragments> | undefined): void {
    const isWanted = this.#openEntry();
    this.#state = isWanted ? STATE.content : STATE.skip;
    if (!isWanted) {
      if (this.#left === 0) this.#closeSkipped();
      return;
    }
    const sparse = fragments && { fragments, sizeBytes: this.#entry.size };
    this.#content.start(this.#left, sparse, this.refuse);
    if (this.#content.run === 0) this.#closeContent();
  }

  #openEntry(): boolean {
    const { tarEntries } = this.#limits;
    if (this.index > tarEntries)
      throw buildLimitError(this, 'layer has too many entries', tarEntries);
    return this.#handler.openEntry(this.#entry);
  }

  #takeContent(bytes: Buffer, at: number): number {
    const end = Math.min(at + this.#content.run, bytes.length);
    this.#content.write(bytes.subarray(at, end));
    if (this.#content.run === 0) this.#closeContent();
    return end;
  }

  #closeContent(): void {
    this.#handler.closeEntry();
    this.#closeSkipped();
  }

  #closeSkipped(): void {
    this.index++;
    this.#startPadding();
  }

  #takeSkipped(bytes: Buffer, at: number): number {
    const end = Math.min(at + this.#left, bytes.length);
    this.#left -= end - at;
    if (this.#left === 0) this.#closeSkipped();
    return end;
  }

  /** The current header is done with. */
  #startPadding(): void {
    this.#isNamed = false;
    this.#state = this.#padding === 0 ? STATE.header : STATE.padding;
  }

  #takePadding(bytes: Buffer, at: number): number {
    const end = Math.min(at + this.#padding, bytes.length);
    this.#padding -= end - at;
    if (this.#padding === 0) this.#state = STATE.header;
    return end;
  }
}
