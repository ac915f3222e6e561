/**
 * Every bound in one table: name with its unit, default, what happens when it is reached. `docs/limits.md` is tested
 * to say the same. All are options of the place that enforces them.
 */

/** By itself, so that a page has it without the rest. */
export const tabLockMsMax = 3_000;
export const tabPatienceMsMax = 24_000;

export const limits = {
  /** Larger frames are refused with `frame-too-large` and the connection is closed. */
  frameBytesMax: 33_554_432,
  /** One frame is closed and the next begun when it has grown to this. */
  frameBytesTarget: 262_144,
  /** A connection on which more than this waits for the network when the next frame comes is closed; its client resumes later. */
  bufferedBytesMax: 16_777_216,
  /** A reader behind which more bytes wait is sent no commits until it has caught up, and then their net. */
  behindBufferedBytesMax: 1_048_576,
  /** The authority asks each connection for a sign of life so often. */
  heartbeatMs: 15_000,
  /** A connection that shows no sign of life for so long is ended. */
  silenceMsMax: 30_000,
  /** Longer arrays, strings and byte arrays in one value are refused with `frame-invalid`. */
  valueElementsMax: 16_777_216,
  /** Types nested deeper are refused with `module-invalid`. */
  typeDepthMax: 32,
  /** Rows of one table kept decoded in front of SQLite; the coldest clean ones are dropped beyond it. */
  cachedRowsMax: 1_000_000,
  /** Changed rows that wait for SQLite; beyond it they are flushed at once. */
  dirtyRowsMax: 200_000,
  /** A client refuses further calls with `limit-reached` when so many wait for the authority. */
  pendingCallsMax: 100_000,
  /** A client makes its rows right again for so long at a time, then hears its pages; long queues of pending calls take several. */
  reconcileSliceMs: 8,
  /** The authority tells clients so often what it has of the tables that they have as a whole. */
  stateCheckMs: 5_000,
  /** Rows that it looks at between two of these checks for clients that have some rows of a table; the rest waits its turn. */
  checkedRowsMax: 10_000,
  /** Row changes between two of these checks beyond which they are left out, so that a load is not slowed by them. */
  checkedChangesMax: 20_000,
  /** A snapshot is sent in chunks of so many rows, between which calls go on. */
  snapshotChunkRows: 1_000,
  /** Changed rows of joined tables or views that a slow reader, or a client that comes back, is told the net of; beyond it, it gets a snapshot. */
  joinedNetRowsMax: 1_000,
  /** Log bytes of the newest batches kept in memory for clients that come back; those further behind get a snapshot. */
  recentBytesMax: 16_777_216,
  /** Log bytes that a client which comes back is sent instead of a snapshot, at most. */
  resumeBytesMax: 16_777_216,
  /** Changed rows that wait to be kept on the client's device; beyond it all rows are written anew instead. */
  unstoredChangesMax: 100_000,
  /** Rows that a client has no more are gone from its device so long after; later, where writing it all anew takes long. */
  removedRowsMsMax: 5_000,
  /** A shared worker that waits so long for another one's storage goes on in memory if that one is alive, else takes it. */
  tabLockMsMax: tabLockMsMax as typeof tabLockMsMax,
  /** However often the leaders of a replica's tabs did not answer, one is deposed after this. */
  tabPatienceMsMax: tabPatienceMsMax as typeof tabPatienceMsMax,
  /** A client that waits so long for the storage of its device goes on in memory. */
  storageMsMax: 10_000,
  /** A connection that is subscribed to so many queries is refused another subscription with `limit-reached`. */
  subscriptionsMax: 1_000,
  /** Longer texts of queries are refused with `query-invalid`. */
  queryLengthMax: 65_536,
  /** Conditions of more comparisons are refused with `query-invalid`. */
  queryTermsMax: 500,
  /** Conditions nested deeper are refused with `query-invalid`. */
  queryDepthMax: 64,
  /** Queries that join more tables are refused with `query-invalid`. */
  queryTablesMax: 8,
  /** A scheduled row with a shorter interval, or one below zero, is due after this. */
  scheduleIntervalMsMin: 1,
  /** Of a scheduled reducer with `whenLate: 'catchUp'`, so many missed runs are made; older ones are skipped. */
  catchUpRunsMax: 100,
  /** A query over HTTP that has more rows is refused with `limit-reached`. */
  queryRowsMax: 100_000,
  /** A view that has more rows for one viewer fails with `limit-reached`: then it has none. */
  viewRowsMax: 10_000,
  /** Others are sent what changed in an ephemeral table so often; the newest row of each key counts. */
  ephemeralSendsPerSecondMax: 30,
  /** A reader behind which more bytes wait is sent no ephemeral rows until it has caught up, and then all of them. */
  ephemeralBufferedBytesMax: 262_144,
  /** What the rows of one ephemeral table have been between two sends; beyond it the next send is not waited for. */
  ephemeralRowsBetweenSendsMax: 65_536,
  /** Row changes that live queries follow one by one between two frames; beyond it they read their rows anew. */
  liveChangesMax: 10_000,
  /** Joined rows that one batch of changes may touch in a live query; beyond it the query reads all of its rows anew. */
  joinedTuplesMax: 10_000,
  /** A reducer that runs longer is stopped and rolled back, and its call rejected with `limit-reached`. */
  callMsMax: 1_000,
  /** Rows that one call may change; beyond it, it is rejected with `limit-reached`. */
  callRowsMax: 100_000,
  /** Bytes of the rows that one call changes; beyond it, it is rejected with `limit-reached`. */
  callBytesMax: 33_554_432,
  /** A connection that makes more calls a second is ended with `limit-reached`. */
  callsPerSecondMax: 50_000,
  /** A connection is ended with `limit-reached` when it makes a call while so many wait for their outcome. */
  unansweredCallsMax: 100_000,
  /** Further connections of an identity are refused with `limit-reached`. */
  connectionsPerIdentityMax: 256,
} as const;
