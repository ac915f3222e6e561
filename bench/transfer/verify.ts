/**
 * The process that recovers the database after a run: the sum of all balances is what it was, and the log holds exactly
 * the acknowledged transfers (and `init`).
 */

import { serve } from 'forerun/server';
import * as bank from './module.ts';
import { accountCount, initialBalance } from './module.ts';

export interface Verdict {
  /** What is not as it must be. */
  readonly problem?: string;
}

const [folder = '', acknowledged] = process.argv.slice(2);
const served = await serve({ module: bank, data: folder, port: 0 });
const { authority } = served;
const [[sum, count] = []] = authority.engine.select('SELECT sum(balance), count(*) FROM account').rows;
const isWhole = BigInt(Number(sum)) === BigInt(accountCount) * initialBalance && count === accountCount;
const isExact = authority.durableSeq === Number(acknowledged) + 1;
const problem = `sum ${sum}, rows ${count}, seq ${authority.durableSeq}, acknowledged ${acknowledged}`;
const verdict: Verdict = isWhole && isExact ? {} : { problem };
await served.close();
process.send?.({ type: 'verdict', ...verdict }, () => process.exit(0));
