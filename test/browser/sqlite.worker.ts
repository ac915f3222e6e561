/** Answers one message with what SQLite says, from inside a module worker. */

import { Database, loadSqlite } from '../../core/engine/database.ts';

self.addEventListener('message', async () => {
  await loadSqlite({ locate: () => new URL('../../core/engine/sqlite.wasm', import.meta.url).href });
  const db = await Database.open();
  const rows = db.prepare("SELECT 'sqlite ' || sqlite_version(), 6 * 7").all([]);
  self.postMessage(rows);
  db.close();
});
