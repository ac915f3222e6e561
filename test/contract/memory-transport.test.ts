import { memoryTransport } from '../../core/protocol/transport.ts';
import { nodeEnvironment } from '../../server/environment.ts';
import { describeTransport } from './transport.ts';

describeTransport('memoryTransport', async (near, far) => memoryTransport(nodeEnvironment().scheduler, near, far));
