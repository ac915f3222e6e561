/**
 * Reads along on every connection of the authority: nothing may be said of what is not durable, and what is said comes in
 * the order of the log.
 */

import { readBatch } from '../../core/authority/record-reader.ts';
import { ByteReader } from '../../core/codec/bytes.ts';
import type { LogBatch } from '../../core/commit/log.ts';
import { decodeServerMessage } from '../../core/protocol/frame.ts';
import type { ServerMessage } from '../../core/protocol/messages.ts';
import type { Disk } from './disk.ts';
import { expectThat, shown } from './failure.ts';
import { shapeOf } from './mirror.ts';

export class Wiretap {
  readonly #disk: Disk;
  readonly #leases = new Set<string>();
  #batchesRead = 0;
  snapshots = 0;
  resumes = 0;

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** A frame of the authority, at the moment it is sent. */
  hear(client: string, frame: Uint8Array): void {
    const reader = new ByteReader(frame);
    while (reader.remaining > 0) this.#check(client, decodeServerMessage(reader, shapeOf));
  }

  #check(client: string, message: ServerMessage): void {
    switch (message.type) {
      case 'batch':
        this.#isDurable(client, message.lastSeq, 'a batch');
        for (const outcome of message.outcomes)
          if (outcome.type === 'committed') this.#isDurable(client, outcome.seq, 'an outcome');
        return;
      case 'applied':
        return this.#isDurable(client, message.seq, 'a snapshot');
      case 'welcome':
        if (message.resumed) this.resumes++;
        else this.snapshots++;
        return this.#isDurable(client, message.seq, 'a welcome');
      case 'lease': {
        this.#readLeases();
        const lease = `${message.tableId}.${message.column} to ${message.to}`;
        expectThat(this.#leases.has(lease), () => `${client} is told of the lease ${lease}, which is not durable`);
        return;
      }
      default:
    }
  }

  #isDurable(client: string, seq: number, what: string): void {
    expectThat(
      seq <= this.#disk.lastSeq,
      () => `${client} is sent ${what} as of ${seq}, and only ${this.#disk.lastSeq} is durable`,
    );
  }

  #readLeases(): void {
    for (; this.#batchesRead < this.#disk.batches.length; this.#batchesRead++) {
      for (const record of readBatch(this.#disk.batches[this.#batchesRead] as LogBatch, shapeOf))
        if (record.type === 'lease') this.#leases.add(`${record.tableId}.${record.column} to ${record.to}`);
    }
  }

  get summary(): string {
    return shown({ snapshots: this.snapshots, resumes: this.resumes });
  }
}
