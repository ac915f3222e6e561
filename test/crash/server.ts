/** A server process to be killed: serves the module on the given port from the given folder. */

import { serve } from 'forerun/server';
import * as bank from './module.ts';

const [folder, port] = process.argv.slice(2);
if (folder === undefined || port === undefined) throw new Error('usage: server.ts FOLDER PORT');
const served = await serve({ module: bank, data: folder, port: Number(port) });
process.send?.(served.port);
