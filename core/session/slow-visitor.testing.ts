/** A visitor that reads when the test says so: what it is sent waits in the transport's buffer. */

import type { SessionHub } from './hub.ts';
import { Visitor } from './visitor.testing.ts';

export class SlowVisitor extends Visitor {
  reads = true;
  /** Sent and not read yet. */
  #waiting: Uint8Array[] = [];
  #padding = 0;

  /** What an earlier connection has sent and nobody has read is lost. */
  override connect(hub: SessionHub): void {
    this.isClosed = false;
    const waiting: Uint8Array[] = [];
    this.#waiting = waiting;
    let isOver = false;
    hub.accept((events) => {
      const close = (): void => {
        if (isOver) return;
        isOver = true;
        this.home.environment.scheduler.soon(() => {
          if (this.#waiting === waiting) this.closed();
          events.closed();
        });
      };
      this.attach({ send: (frame) => events.receive(frame.slice()), close, bufferedBytes: () => 0 });
      return {
        send: (frame) => {
          if (isOver) return;
          waiting.push(frame.slice());
          if (this.reads && this.#waiting === waiting) this.read();
        },
        close,
        bufferedBytes: () => sizeOf(waiting) + this.#padding,
      };
    });
  }

  /** So many bytes wait that are none of a frame's, until the next read. */
  pad(bytes: number): void {
    this.#padding = bytes;
  }

  get bufferedBytes(): number {
    return sizeOf(this.#waiting);
  }

  /** So many of the frames that wait. */
  read(count = this.#waiting.length): void {
    this.#padding = 0;
    for (const frame of this.#waiting.splice(0, count)) this.receive(frame);
  }
}

function sizeOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((bytes, { length }) => bytes + length, 0);
}
