import { MemoryLog } from '../../core/commit/log.ts';
import { describeLog } from './log.ts';

describeLog('MemoryLog', async () => {
  const log = new MemoryLog();
  return { log, reopen: async () => log };
});
