/**
 * `Log` over a SQLite file: this side of the storage thread.
 *
 * Appending crosses to the thread, one message a batch. Reading is done here, over a connection of its own, so that it
 * neither waits for the thread nor holds it up.
 */

import { Worker } from 'node:worker_threads';
import type { Seq } from '../../core/commit/call.ts';
import { type Log, type LogBatch, searchBatch } from '../../core/commit/log.ts';
import { ForerunError } from '../../core/errors.ts';
import { BatchReader, type LogExtent, storedExtent } from './batch-table.ts';
import { type DatabaseBirth, openForReading } from './database-file.ts';
import { errorOf, type FromThread, type ThreadOptions, type ToThread } from './log-messages.ts';
import { giveSignsOfLife } from './main-watch.ts';
import type { StorageOptions } from './sqlite-storage.ts';
import { openingError } from './storage-error.ts';

export interface SqliteLogOptions extends StorageOptions {
  readonly behindBytesMax?: number;
  /** The tables in the file could not be brought up to date; the log is not concerned. */
  readonly tablesFailed?: (error: ForerunError) => void;
}

interface Waiting {
  readonly usesMailbox: boolean;
  readonly resolve: () => void;
  readonly reject: (error: ForerunError) => void;
}

/** Of log that a start has to read: a second or two of it. The more, the more changes of a row are written as one. */
const behindBytesMaxDefault = 32 * 1024 * 1024;
const mailboxBytes = 1024 * 1024;

export class SqliteLog implements Log {
  readonly birth: DatabaseBirth;
  readonly path: string;
  readonly #options: SqliteLogOptions;
  /** The thread answers in the order in which it was asked. */
  readonly #waiting: Waiting[] = [];
  readonly #shared: SharedMemory;
  readonly #stopSigns: () => void;
  #isMailboxFree = true;
  #worker: Worker | undefined;
  #restarting: Promise<Worker> | undefined;
  #extent: LogExtent;
  #closing: Promise<void> | undefined;

  private constructor(options: SqliteLogOptions, thread: OpenedThread) {
    this.#options = options;
    this.path = options.path;
    this.birth = thread.birth;
    this.#extent = thread.extent;
    this.#shared = thread.shared;
    this.#stopSigns = giveSignsOfLife(thread.shared.signs);
    this.#adopt(thread.worker);
  }

  /** Throws `database-corrupt`, `data-folder-unusable` or `schema-changed`. */
  static async open(options: SqliteLogOptions): Promise<SqliteLog> {
    const shared = {
      mailbox: new Uint8Array(new SharedArrayBuffer(mailboxBytes)),
      signs: new Int32Array(new SharedArrayBuffer(4)),
    };
    return new SqliteLog(options, await startThread(options, shared));
  }

  async append(batch: LogBatch): Promise<void> {
    if (this.#closing !== undefined) throw new ForerunError('log-unavailable', 'The log is closed.');
    const worker = this.#worker ?? (await (this.#restarting ??= this.#restart()));
    const { number, firstSeq, commitCount } = batch;
    const usesMailbox = this.#isMailboxFree && batch.bytes.length <= mailboxBytes;
    const bytes = usesMailbox ? this.#post(batch.bytes) : batch.bytes.slice();
    const message: ToThread = { type: 'append', number, firstSeq, commitCount, bytes };
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ usesMailbox, resolve, reject });
      // The caller goes on using its bytes; a copy that moves is cheaper than one that is cloned.
      worker.postMessage(message, typeof bytes === 'number' ? [] : [bytes.buffer]);
    });
  }

  async *read(afterBatch: number): AsyncGenerator<LogBatch> {
    const { first, last } = this.#extent;
    if (last === 0 || afterBatch >= last) return;
    if (afterBatch + 1 < first) throw dropped(afterBatch + 1);
    const db = openForReading(this.path);
    let next = afterBatch + 1;
    try {
      const reader = new BatchReader(db, this.path, afterBatch);
      for (let batches = reader.next(); batches.length > 0; batches = reader.next()) {
        for (const batch of batches) {
          if (batch.number > last) return;
          next = batch.number + 1;
          yield batch;
        }
      }
    } catch (cause) {
      // The thread may drop old batches at any moment, while they are read too, and is heard of later.
      if (storedExtent(db).first > next) throw dropped(next);
      throw openingError(cause, this.path);
    } finally {
      db.close();
    }
  }

  async find(seq: Seq): Promise<number | undefined> {
    const db = openForReading(this.path);
    try {
      const place = db.prepare(
        'SELECT first_seq AS firstSeq, commit_count AS commitCount FROM _forerun_log WHERE number = ?',
      );
      return searchBatch(this.#extent, seq, (number) => {
        const row = place.get(number);
        return row === undefined
          ? undefined
          : { firstSeq: Number(row['firstSeq']), commitCount: Number(row['commitCount']) };
      });
    } finally {
      db.close();
    }
  }

  extent(): LogExtent {
    return this.#extent;
  }

  /** Memory that is used again and again: fresh memory for each batch costs more than what is done with it. */
  #post(bytes: Uint8Array): number {
    this.#shared.mailbox.set(bytes);
    this.#isMailboxFree = false;
    return bytes.length;
  }

  #answered(): Waiting | undefined {
    const waiting = this.#waiting.shift();
    if (waiting?.usesMailbox === true) this.#isMailboxFree = true;
    return waiting;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#stopSigns();
    const worker = this.#worker;
    if (worker === undefined) return;
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    const message: ToThread = { type: 'close' };
    worker.postMessage(message);
    await exited;
  }

  /** After the thread has ended by itself: what it was doing has failed, and the next append starts another. */
  async #restart(): Promise<Worker> {
    try {
      const { worker, extent } = await startThread(
        { ...this.#options, lastConfirmed: this.#extent.last },
        this.#shared,
      );
      this.#extent = extent;
      this.#adopt(worker);
      return worker;
    } catch (cause) {
      throw new ForerunError(
        'log-unavailable',
        `The storage thread ended and could not be started again: ${(cause as Error).message}`,
        { cause },
      );
    } finally {
      this.#restarting = undefined;
    }
  }

  #adopt(worker: Worker): void {
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#receive(message));
    let crash: unknown;
    worker.on('error', (error) => {
      crash = error;
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      const error = new ForerunError(
        'log-unavailable',
        'The storage thread ended unexpectedly; the next append starts another.',
        { cause: crash },
      );
      this.#isMailboxFree = true;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  #receive(message: FromThread): void {
    if (typeof message === 'number') {
      this.#extent = { first: this.#extent.first || message, last: message };
      this.#answered()?.resolve();
      return;
    }
    switch (message.type) {
      case 'failed':
        this.#answered()?.reject(errorOf(message.error));
        return;
      case 'extent':
        this.#extent = { first: message.extent.first, last: this.#extent.last };
        return;
      case 'tablesFailed':
        this.#options.tablesFailed?.(errorOf(message.error));
        return;
      default:
        return;
    }
  }
}

function dropped(batch: number): ForerunError {
  return new ForerunError('log-unavailable', `The log no longer has batch ${batch}.`);
}

interface OpenedThread {
  readonly worker: Worker;
  readonly birth: DatabaseBirth;
  readonly extent: LogExtent;
  readonly shared: SharedMemory;
}

type SharedMemory = Pick<ThreadOptions, 'mailbox' | 'signs'>;

function startThread(options: SqliteLogOptions, shared: SharedMemory): Promise<OpenedThread> {
  const { tablesFailed: _, behindBytesMax = behindBytesMaxDefault, ...storage } = options;
  const workerData: ThreadOptions = { storage, ...shared, behindBytesMax };
  const worker = new Worker(new URL('./log-thread.ts', import.meta.url), {
    workerData,
    name: 'forerun storage',
    // It needs none of the process's own flags, and some of them are not for threads: `--input-type` ends them.
    execArgv: [],
    resourceLimits: { maxYoungGenerationSizeMb: 8 },
  });
  return new Promise((resolve, reject) => {
    const ended = (): void =>
      reject(new ForerunError('internal', 'The storage thread ended before it had opened the database.'));
    worker.once('error', reject);
    worker.once('exit', ended);
    worker.once('message', (message: FromThread) => {
      worker.off('error', reject);
      worker.off('exit', ended);
      if (typeof message === 'object' && message.type === 'opened')
        resolve({ worker, birth: message.birth, extent: message.extent, shared });
      else if (typeof message === 'object' && message.type === 'refused') reject(errorOf(message.error));
      else ended();
    });
  });
}
