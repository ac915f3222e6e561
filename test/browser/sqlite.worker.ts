/** Answers one message with what SQLite says, from inside a module worker. */

import { Database } from '../../core/engine/database.ts';

self.addEventListener('message', async () => {
  const db = await Database.open();
  const rows = db.prepare("SELECT 'sqlite ' || sqlite_version(), 6 * 7").all([]);
  self.postMessage(rows);
  db.close();
});
