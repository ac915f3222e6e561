/** The log of a production server: one JSON object a line on standard output, for whatever collects them. */

import { pino } from 'pino';
import { keyMade, type ServerDiagnostics } from '../diagnostics.ts';

export interface JsonLog {
  readonly info: (fields: object, message: string) => void;
  readonly diagnostics: (database: string) => ServerDiagnostics;
}

export function jsonLog(level: string): JsonLog {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  return {
    info: (fields, message) => logger.info(fields, message),
    diagnostics: (database) => ({
      reducerThrew: (reducer, err) => logger.error({ database, reducer, err }, 'reducer threw, its call was rejected'),
      viewFailed: (view, err) => logger.error({ database, view, err }, 'view failed, it has no rows now'),
      logFailed: (err) => logger.error({ database, err }, 'the log can not be written, calls are refused until it can'),
      tablesFailed: (err) => logger.warn({ database, err }, 'the tables in the database file fall behind the log'),
      tokenKeyMade: (file) => logger.warn({ database, file }, keyMade(file)),
      connectionFailed: (err) => logger.error({ database, err }, 'a connection was ended'),
      modulePrinted: (printed, reducer, text) => logger[printed]({ database, reducer }, text),
    }),
  };
}
