/** A visitor that reads when the test says so: what it is sent waits in the transport's buffer. */

import type { SessionHub } from './hub.ts';
import { Visitor } from './visitor.testing.ts';

export class SlowVisitor extends Visitor {
  reads = true;
  /** Sent and not read yet. */
  readonly waiting: Uint8Array[] = [];

  override connect(hub: SessionHub): void {
    this.isClosed = false;
    this.waiting.length = 0;
    // Only the newest connection is read.
    let isOver = false;
    hub.accept((events) => {
      const close = (): void => {
        if (isOver) return;
        isOver = true;
        this.home.environment.scheduler.soon(() => {
          this.closed();
          events.closed();
        });
      };
      this.attach({ send: (frame) => events.receive(frame.slice()), close, bufferedBytes: () => 0 });
      return {
        send: (frame) => {
          if (isOver) return;
          this.waiting.push(frame.slice());
          if (this.reads) this.read();
        },
        close,
        bufferedBytes: () => this.bufferedBytes,
      };
    });
  }

  get bufferedBytes(): number {
    return this.waiting.reduce((bytes, { length }) => bytes + length, 0);
  }

  /** So many of the frames that wait. */
  read(count = this.waiting.length): void {
    for (const frame of this.waiting.splice(0, count)) this.receive(frame);
  }
}
