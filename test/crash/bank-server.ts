/** The process that is killed: `node bank-server.ts FOLDER` serves the bank and tells its parent where. */

import { serve } from '../../server/serve.ts';
import * as bank from './bank.ts';

const [data] = process.argv.slice(2);
if (data === undefined) throw new Error('say which folder');
// The tables follow closely, so that kills fall into the writing of them too.
const { url } = await serve({ module: bank, data, port: 0, behindBytesMax: 20_000, handleSignals: true });
process.send?.(url);
