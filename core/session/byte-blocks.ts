/**
 * Byte strings that are kept for a while and dropped again, in blocks of memory that are used again once all in them is
 * dropped.
 */

const blockBytes = 1_048_576;

interface Block {
  readonly bytes: Uint8Array;
  used: number;
  /** Byte strings in it that are kept. */
  kept: number;
}

export interface KeptBytes {
  readonly bytes: Uint8Array;
  readonly block: Block | undefined;
}

export class ByteBlocks {
  #current: Block | undefined;
  readonly #free: Block[] = [];

  /** A copy, which stays as it is until it is dropped. */
  keep(bytes: Uint8Array): KeptBytes {
    const { length } = bytes;
    if (length > blockBytes / 4) return { bytes: bytes.slice(), block: undefined };
    let block = this.#current;
    if (block === undefined || block.used + length > blockBytes) {
      block = this.#free.pop() ?? { bytes: new Uint8Array(blockBytes), used: 0, kept: 0 };
      this.#current = block;
    }
    const at = block.used;
    block.bytes.set(bytes, at);
    block.used += length;
    block.kept++;
    return { bytes: block.bytes.subarray(at, at + length), block };
  }

  drop({ block }: KeptBytes): void {
    if (block === undefined || --block.kept > 0) return;
    block.used = 0;
    if (block !== this.#current) this.#free.push(block);
  }
}
