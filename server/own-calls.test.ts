import { schema, SenderError, t, table } from 'forerun';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeEnvironment } from './environment.ts';
import { OwnCalls } from './own-calls.ts';
import { type Served, serve } from './serve.ts';

const note = table({ name: 'note', public: true }, { id: t.u32().primaryKey(), own: t.bool() });
const notes = schema({ note });
const module = {
  default: notes,
  write: notes.reducer({ id: t.u32() }, (ctx, { id }) => {
    if (id === 0) throw new SenderError('Notes are numbered from 1.');
    const own = ctx.senderAuth.isInternal && ctx.sender.isEqual(ctx.databaseIdentity) && ctx.connectionId === null;
    if (ctx.db.note.id.find(id) === null) ctx.db.note.insert({ id, own });
  }),
};

let served: Served;
let calls: OwnCalls;

beforeEach(async () => {
  served = await serve({ module, port: 0 });
  calls = new OwnCalls(served.authority, nodeEnvironment());
});

afterEach(async () => {
  calls.close();
  await served.close();
});

test('a call of the process itself is the database’s own, and resolves with its seq when it is durable', async () => {
  expect(await Promise.all([calls.call('write', { id: 1 }), calls.call('write', { id: 2 })])).toEqual([1, 2]);
  expect(served.authority.durableSeq).toBe(2);
  expect(served.authority.engine.select('SELECT id, own FROM note').rows).toEqual([
    [1, 1],
    [2, 1],
  ]);
});

test('a call that changes nothing has no seq', async () => {
  await calls.call('write', { id: 1 });
  expect(await calls.call('write', { id: 1 })).toBeUndefined();
});

test('a call that the reducer refuses rejects with its SenderError', async () => {
  await expect(calls.call('write', { id: 0 })).rejects.toEqual(new SenderError('Notes are numbered from 1.'));
});

test('wrong arguments and unknown reducers reject before anything runs', async () => {
  await expect(calls.call('write', { id: -1 })).rejects.toMatchObject({ code: 'args-invalid' });
  await expect(calls.call('erase', {})).rejects.toMatchObject({ code: 'reducer-unknown' });
  expect(served.authority.durableSeq).toBe(0);
});

test('after closing every call rejects with client-closed', async () => {
  const waiting = calls.call('write', { id: 1 });
  calls.close();
  await expect(waiting).rejects.toMatchObject({ code: 'client-closed' });
  await expect(calls.call('write', { id: 2 })).rejects.toMatchObject({ code: 'client-closed' });
});
