/** Entry of the thread on which a server takes a backup of itself. */

import { parentPort, workerData } from 'node:worker_threads';
import { type BackupAnswer, backupDatabase, type BackupOptions } from './backup.ts';
import { plainError } from './log-messages.ts';

function answer(): BackupAnswer {
  try {
    // What the main thread passes is typed there.
    return { report: backupDatabase(workerData as BackupOptions) };
  } catch (error) {
    return { error: plainError(error) };
  }
}

parentPort?.postMessage(answer());
