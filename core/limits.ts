/**
 * Every bound in one table: name with its unit, default, what happens when it is reached. `docs/limits.md` is tested
 * to say the same. All are options of the place that enforces them.
 */

export const limits = {
  /** Larger frames are refused with `frame-too-large` and the connection is closed. */
  frameBytesMax: 32 * 1024 * 1024,
  /** One frame is closed and the next begun when it has grown to this. */
  frameBytesTarget: 256 * 1024,
  /** Longer arrays, strings and byte arrays in one value are refused with `frame-invalid`. */
  valueElementsMax: 16 * 1024 * 1024,
  /** Types nested deeper are refused with `module-invalid`. */
  typeDepthMax: 32,
  /** Rows of one table kept decoded in front of SQLite; the coldest clean ones are dropped beyond it. */
  cachedRowsMax: 1_000_000,
  /** Changed rows that wait for SQLite; beyond it they are flushed at once. */
  dirtyRowsMax: 200_000,
  /** A client refuses further calls with `limit-reached` when so many wait for the authority. */
  pendingCallsMax: 100_000,
  /** A snapshot is sent in chunks of so many rows, between which calls go on. */
  snapshotChunkRows: 1_000,
  /** Log bytes of the newest batches kept in memory for clients that come back; those further behind get a snapshot. */
  recentBytesMax: 16 * 1024 * 1024,
} as const;
