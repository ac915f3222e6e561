import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { defineModule } from '../core/module/module.ts';
import { schema } from '../core/module/schema.ts';
import { subprotocol } from '../core/protocol/version.ts';
import { WireClient, type WireClientOptions } from '../test/crash/wire-client.ts';
import { scratchFolder, storeDefinition, storeExports } from './log/storage.testing.ts';
import { serve, type Served, type ServeOptions } from './serve.ts';

/** Closed when the test ends, unless the test has. */
async function served(options: Partial<ServeOptions> = {}): Promise<Served> {
  const server = await serve({ module: storeExports, port: 0, diagnostics: { connectionFailed: raise }, ...options });
  onTestFinished(() => server.close());
  return server;
}

function raise(error: unknown): never {
  throw error;
}

async function connected({ url }: Served, options: Partial<WireClientOptions> = {}): Promise<WireClient> {
  const client = new WireClient({ definition: storeDefinition, ...options });
  onTestFinished(() => client.close());
  await client.connect(url);
  return client;
}

async function answer(url: string, method = 'GET'): Promise<{ status: number | undefined; body: string }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { method }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    });
    request.on('error', reject);
  });
}

describe('a served module', () => {
  test('takes calls, and sends what they did to everyone', async () => {
    const server = await served();
    const [one, other] = [await connected(server), await connected(server)];
    expect(await one.run('add', { amount: 5n })).toMatchObject({ type: 'committed', seq: 3 });
    await other.until(() => other.rows('item').length === 1);
    // Of the database's own values: the two clients were lent those before, and the call has no hint at them.
    expect(other.rows('item')).toEqual([{ id: 32_769n, owner: expect.anything(), amount: 5n }]);
    expect(await one.run('change', { nth: 0, amount: 0n })).toMatchObject({ type: 'committed' });
    await other.until(() => other.rows('item').length === 0);
  });

  test('[AUT-10] [AUT-11] has its rows, outcomes, identities and autoInc values after a restart', async () => {
    const data = scratchFolder();
    const first = await served({ data });
    const client = await connected(first);
    for (let n = 0; n < 5; n++) await client.run('add', { amount: BigInt(n) });
    await client.run('label', { word: 'a', weight: 1 });
    const rows = client.rows('item');
    const identity = client.welcome?.identity;
    await first.close();

    const second = await served({ data });
    // The same calls once more, from a client that has heard of none of their outcomes.
    const again = await connected(second, { clientId: client.clientId, token: client.token });
    expect(again.welcome).toMatchObject({
      identity,
      token: '',
      epoch: client.welcome?.epoch,
      databaseIdentity: client.welcome?.databaseIdentity,
    });
    for (let n = 0; n < 5; n++)
      expect(await again.run('add', { amount: BigInt(n) })).toEqual(client.outcomes.get((n + 1) as never));
    expect(again.rows('item')).toEqual(rows);
    const other = await connected(second);
    await other.run('add', { amount: 7n });
    const ids = other.rows('item').map(({ id }) => id as bigint);
    expect(new Set(ids).size).toBe(6);
    // The connections of the first run were ended by its close.
    expect(other.rows('presence').length).toBe(2);
  });

  test('keeps its tables readable for the sqlite3 shell, while it runs', async () => {
    const data = scratchFolder();
    const client = await connected(await served({ data }));
    await client.run('add', { amount: 1n << 60n });
    const read = (): unknown => {
      const db = new DatabaseSync(join(data, 'main.sqlite'), { readOnly: true });
      try {
        return db.prepare('SELECT id, CAST(amount AS TEXT) AS amount FROM item').all();
      } finally {
        db.close();
      }
    };
    const [row] = client.rows('item');
    const stored = { id: Number(row?.['id']), amount: '1152921504606846976' };
    await vi.waitFor(() => expect(read()).toEqual([stored]), 5_000);
  });

  test('in memory is gone with its server', async () => {
    const first = await served();
    await (await connected(first)).run('add', { amount: 1n });
    await first.close();
    expect((await connected(await served())).rows('item')).toEqual([]);
  });

  test('whose init throws is not created, and a start with a better one is a first start', async () => {
    const data = scratchFolder();
    const failing = schema({});
    const broken = { default: failing, init: failing.init(() => raise(new Error('no'))) };
    const quiet = { reducerThrew: () => {} };
    for (let n = 0; n < 2; n++)
      await expect(serve({ module: broken, data, port: 0, diagnostics: quiet })).rejects.toMatchObject({
        code: 'module-invalid',
      });
    const ran = vi.fn();
    await served({ module: { default: failing, init: failing.init(ran) }, data });
    expect(ran).toHaveBeenCalledOnce();
  });
});

test('[DET-4] the guard is up unless told otherwise, or in production', async () => {
  const clock = schema({});
  const module = { default: clock, tick: clock.reducer(() => void Date.now()) };
  const outcome = async (options: Partial<ServeOptions>): Promise<unknown> => {
    const server = await served({ module, diagnostics: { reducerThrew: () => {} }, ...options });
    return (await connected(server, { definition: defineModule(module) })).run('tick', {});
  };
  const refused = { type: 'rejected', rejection: { code: 'nondeterministic' } };
  expect(await outcome({})).toMatchObject(refused);
  expect(await outcome({ guard: false })).toMatchObject({ type: 'unchanged' });
  vi.stubEnv('NODE_ENV', 'production');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await outcome({})).toMatchObject({ type: 'unchanged' });
  expect(await outcome({ guard: true })).toMatchObject(refused);
});

test('[ENG-15] a promise that outlives its reducer does not end the process, and is told', () => {
  const of = (path: string): string => JSON.stringify(import.meta.resolve(path));
  const script = `import { serve } from ${of('./serve.ts')};
    import { schema } from ${of('../core/module/schema.ts')};
    import { table } from ${of('../core/module/table.ts')};
    import { t } from ${of('../core/module/column.ts')};
    const shelf = schema({ item: table({ public: true }, { id: t.u32().primaryKey() }) });
    const late = async (ctx) => { await null; ctx.db.item.insert({ id: 1 }); };
    const module = { default: shelf, put: shelf.reducer((ctx) => { void late(ctx); }) };
    const reducerThrew = (_, { code }) => console.log(code);
    const { url, close } = await serve({ module, port: 0, diagnostics: { reducerThrew } });
    for (let n = 0; n < 2; n++) console.log((await fetch(url + '/v1/database/main/call/put', { method: 'POST', body: '[]' })).status);
    await close();
    await new Promise(setImmediate);
    Promise.reject(new Error('of the program itself'));`;
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=forerun-source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  );
  expect(stdout.trim().split(/\s+/).toSorted()).toEqual(['200', '200', 'reducer-async', 'reducer-async']);
  expect(stderr).toContain('of the program itself');
  expect(status).toBe(1);
});

test('a start that fails at its key has let go of the database', async () => {
  const data = scratchFolder();
  writeFileSync(join(data, 'token-key.json'), 'xx');
  await expect(serve({ module: storeExports, port: 0, data })).rejects.toMatchObject({ code: 'data-folder-unusable' });
  rmSync(join(data, 'token-key.json'));
  await connected(await served({ data }));
});

test('rows whose key for tokens is missing are served with a new one, and the owner is told', async () => {
  const data = scratchFolder();
  const tokenKeyMade = vi.fn();
  const first = await served({ data, diagnostics: { tokenKeyMade } });
  const { token } = await connected(first);
  await first.close();
  expect(tokenKeyMade).not.toHaveBeenCalled();
  const file = join(data, 'token-key.json');
  rmSync(file);
  const second = await served({ data, diagnostics: { tokenKeyMade } });
  expect(tokenKeyMade.mock.calls).toEqual([[file]]);
  await expect(connected(second, { token })).rejects.toThrow(/token-invalid|no longer|sign/i);
});

describe('a start is refused', () => {
  test('on a port that is taken, with its number and what to do; folder and port are free again then', async () => {
    const data = scratchFolder();
    const { port } = await served();
    await expect(serve({ module: storeExports, port, data })).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringMatching(new RegExp(`${port}.*such as ${port + 1}`)),
    });
    await (await served({ data })).close();
  });

  test.each([
    [-1, /port -1 is none/],
    [65_536, /port 65536 is none/],
    [1.5, /port 1\.5 is none/],
    [Number('x'), /port NaN is none/],
  ])('on the port %s, with what to use instead', async (port, message) => {
    await expect(serve({ module: storeExports, port })).rejects.toMatchObject({
      code: 'address-unusable',
      message: expect.stringMatching(message),
    });
  });

  test('at an address that the machine has not, with what to use instead; the folder is free again', async () => {
    const data = scratchFolder();
    // Kept for documentation: nobody has it.
    await expect(serve({ module: storeExports, port: 0, host: '192.0.2.1', data })).rejects.toMatchObject({
      code: 'address-unusable',
      message: expect.stringMatching(/no address 192\.0\.2\.1.*127\.0\.0\.1/),
    });
    await (await served({ data })).close();
  });

  test('for a second server on one folder, also in another process, while the first goes on', async () => {
    const data = scratchFolder();
    const first = await served({ data });
    await expect(serve({ module: storeExports, port: 0, data })).rejects.toMatchObject({
      code: 'data-folder-unusable',
    });
    const script = `import { serve } from ${JSON.stringify(import.meta.resolve('./serve.ts'))};
      import * as bank from ${JSON.stringify(import.meta.resolve('../test/crash/bank.ts'))};
      await serve({ module: bank, data: ${JSON.stringify(data)}, port: 0 }).then(() => console.log('served'), (error) => console.log(error.code));
      process.exit();`;
    const output = execFileSync(
      process.execPath,
      ['--conditions=forerun-source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    expect(output.trim()).toBe('data-folder-unusable');
    expect((await connected(first)).welcome).toBeDefined();
  });
});

describe('a connection is refused', () => {
  test('with a token of another server; the next may come in', async () => {
    const [server, other] = [await served(), await served()];
    const { token } = await connected(other);
    const client = new WireClient({ definition: storeDefinition, token });
    await expect(client.connect(server.url)).rejects.toThrow();
    expect(client.error).toMatchObject({ code: 'token-invalid', message: expect.not.stringContaining(token) });
    expect((await connected(server)).welcome).toBeDefined();
  });

  test('with another module', async () => {
    const client = new WireClient({ definition: storeDefinition, moduleHash: '0'.repeat(32) });
    await expect(client.connect((await served()).url)).rejects.toThrow();
    expect(client.error?.code).toBe('module-mismatch');
  });

  test('at the address of another database, with a JSON body; by name and by identity it is let in', async () => {
    const server = await served({ name: 'shop' });
    const upgraded = (database: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(
          `${server.url.replace('http', 'ws')}/v1/database/${database}/subscribe`,
          subprotocol,
        );
        socket.addEventListener('open', () => {
          resolve('open');
          socket.close();
        });
        socket.addEventListener('error', () => resolve('refused'));
      });
    expect(await upgraded('shop')).toBe('open');
    expect(await upgraded(server.authority.databaseIdentity.toHexString())).toBe('open');
    expect(await upgraded('main')).toBe('refused');
    expect(await upgraded('%zz')).toBe('refused');
  });
});

test('[WIR-4] whatever frames someone sends, others are served', async () => {
  const server = await served();
  const other = await connected(server);
  let n = 0n;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.string({ maxLength: 20 })), {
        minLength: 1,
        maxLength: 5,
      }),
      fc.boolean(),
      async (frames, greets) => {
        const client = greets ? await connected(server) : undefined;
        const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/database/main/subscribe`, subprotocol);
        await new Promise((resolve) => socket.addEventListener('open', resolve));
        for (const frame of frames) {
          const data = typeof frame === 'string' ? frame : Uint8Array.from(frame);
          client?.sendRaw(data);
          if (socket.readyState === WebSocket.OPEN) socket.send(data);
        }
        expect(await other.run('add', { amount: ++n })).toMatchObject({ type: 'committed' });
        socket.close();
        client?.close();
      },
    ),
    { numRuns: 30 },
  );
});

describe('closing', () => {
  test('tells clients, keeps what they did, and frees port and folder at once', async () => {
    const data = scratchFolder();
    const first = await served({ data });
    const client = await connected(first);
    // Sent together with the close: it is done and durable, or it never was.
    const [callId] = client.call('add', { amount: 1n });
    await first.close();
    await vi.waitFor(() => expect(client.isConnected).toBe(false));
    expect(client.error?.code).toBe('client-closed');
    const second = await served({ data, port: first.port });
    await client.connect(second.url);
    await client.until(() => client.pendingCount === 0);
    expect(client.outcomes.get(callId as never)).toMatchObject({ type: 'committed' });
    expect(client.rows('item').length).toBe(1);
  });

  test('waits for no client that has gone silent', async () => {
    const server = await served();
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/database/main/subscribe`, subprotocol);
    await new Promise((resolve) => socket.addEventListener('open', resolve));
    await server.close();
    await server.close();
  });
});

describe('options that can not be', () => {
  test.each<[string, Partial<ServeOptions>]>([
    ['data', { data: '' }],
    ['limits.callMsMax', { limits: { callMsMax: -1 } }],
    ['limits.callRowsMax', { limits: { callRowsMax: Number.NaN } }],
    ['limits.heartbeatMs', { limits: { heartbeatMs: 0 } }],
    ['limits.heartbeatMs', { limits: { heartbeatMs: Number.POSITIVE_INFINITY } }],
    ['limits.callsMax', { limits: { callsMax: 1 } as object }],
    ['limits.frameBytesMax', { limits: { frameBytesMax: '1' as never } }],
    ['logBytesMax', { logBytesMax: -1 }],
    ['timestampToleranceMs', { timestampToleranceMs: Number.NaN }],
  ])('are refused before anything is opened: %s', async (name, options) => {
    const data = join(scratchFolder(), 'data');
    const error: unknown = await serve({ module: storeExports, port: 0, data, ...options }).catch((refusal) => refusal);
    expect(error).toMatchObject({ code: 'option-invalid', detail: { name } });
    expect(existsSync(data)).toBe(false);
  });

  test('but no bound at all can be', async () => {
    await served({ limits: { callMsMax: Number.POSITIVE_INFINITY }, timestampToleranceMs: 0 });
  });
});

test('a folder in the place of address.json keeps the server from nothing', async () => {
  const data = scratchFolder();
  mkdirSync(join(data, 'address.json'));
  const server = await served({ data });
  expect((await connected(server)).welcome).toBeDefined();
  await server.close();
  expect(existsSync(join(data, 'address.json'))).toBe(true);
});

describe('plain HTTP', () => {
  test('answers signs of life, and errors as JSON', async () => {
    const { url } = await served();
    expect(await answer(`${url}/v1/ping`)).toEqual({ status: 200, body: '' });
    const health = await answer(`${url}/health?verbose`);
    expect(health.status).toBe(200);
    expect(JSON.parse(health.body)).toEqual({ status: 'ok', database: 'main', seq: 0, connections: 0 });
    const nothing = await answer(`${url}/v1/nothing`);
    expect(nothing.status).toBe(404);
    expect(JSON.parse(nothing.body)).toMatchObject({ code: 'not-found' });
    expect((await answer(`${url}/health`, 'POST')).status).toBe(405);
  });

  test('of a server that was there before stays as it was, and its other WebSockets too', async () => {
    const upgrades: (string | undefined)[] = [];
    const own = createServer((_, response) => response.end('mine'));
    own.on('upgrade', (request, socket) => {
      if (request.url?.startsWith('/v1/')) return;
      upgrades.push(request.url);
      socket.destroy();
    });
    await new Promise<void>((resolve) => own.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void own.close());
    const { port } = own.address() as AddressInfo;
    const server = await served({ server: own });
    expect(server.url).toBe(`http://127.0.0.1:${port}`);
    expect((await connected(server)).welcome).toBeDefined();
    expect((await answer(`${server.url}/health`)).body).toBe('mine');
    const other = new WebSocket(`ws://127.0.0.1:${port}/hmr`);
    await new Promise((resolve) => other.addEventListener('error', resolve));
    expect(upgrades).toEqual(['/hmr']);
    await server.close();
    expect(own.listening).toBe(true);
  });
});

test('the module that a test serves is the one it connects with', () => {
  expect(defineModule(storeExports).hash).toBe(storeDefinition.hash);
});
