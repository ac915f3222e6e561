/** Frames that wait for the batch that holds what was executed before them. */

export interface HeldFrame {
  readonly batch: number;
  readonly frame: Uint8Array;
  readonly isWanted: () => boolean;
  readonly afterwards: () => void;
}

export class HeldFrames {
  #frames: HeldFrame[] = [];
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  add(held: HeldFrame): void {
    this.#frames.push(held);
    this.#bytes += held.frame.length;
  }

  /** Sends those of batches up to this one that are wanted. Gives whether something waits still. */
  release(durableBatch: number, send: (frame: Uint8Array) => void): boolean {
    for (;;) {
      const first = this.#frames[0];
      if (first === undefined) return false;
      if (first.batch > durableBatch) return true;
      let released = 0;
      while (released < this.#frames.length && (this.#frames[released] as HeldFrame).batch <= durableBatch) released++;
      for (const { frame, isWanted, afterwards } of this.#frames.splice(0, released)) {
        this.#bytes -= frame.length;
        if (!isWanted()) continue;
        send(frame);
        afterwards();
      }
    }
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
  }
}
