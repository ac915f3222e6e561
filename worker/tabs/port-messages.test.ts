import { afterEach, expect, test } from 'vitest';
import { ForerunError } from '../../core/errors.ts';
import type { HostEvent } from '../client/host-api.ts';
import { answerCalls, CallPort, sendEvents } from './port-messages.ts';

interface Counter {
  readonly add: (by: number) => void;
  readonly total: () => Promise<number>;
  readonly later: (value: string) => Promise<string>;
  readonly refuse: (how: 'at once' | 'later' | 'foreign') => Promise<void>;
  readonly shut: () => void;
}

const forgotten: HostEvent = { type: 'forgotten' };

let ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends) end();
  ends = [];
});

function counter(): Counter & { readonly release: (value: string) => void } {
  let total = 0;
  const waiting: (() => void)[] = [];
  return {
    add: (by) => {
      total += by;
    },
    total: () => Promise.resolve(total),
    later: (value) => new Promise((resolve) => waiting.push(() => resolve(value))),
    release: () => waiting.pop()?.(),
    refuse: (how) => {
      const error = new ForerunError('storage-unavailable', 'There is no room.');
      if (how === 'at once') throw error;
      return Promise.reject(how === 'later' ? error : new RangeError('foreign'));
    },
    shut: () => {
      throw new ForerunError('client-closed', 'It is closed.');
    },
  };
}

function messagePorts(): { remote: CallPort<Counter>; port: MessagePort; api: ReturnType<typeof counter> } {
  const { port1, port2 } = new MessageChannel();
  const api = counter();
  answerCalls(port2, api);
  const remote = new CallPort<Counter>(port1);
  ends.push(() => remote.release());
  return { remote, port: port2, api };
}

test('calls are carried out in order, and answered in the order in which they are done', async () => {
  const { remote, api } = messagePorts();
  const answered: string[] = [];
  const first = remote.ask('later', 'first').then((value) => answered.push(value));
  const second = remote.ask('later', 'second').then((value) => answered.push(value));
  for (let by = 1; by <= 100; by++) remote.send('add', by);
  expect(await remote.ask('total')).toBe(5_050);
  api.release('second');
  await second;
  api.release('first');
  await first;
  expect(answered).toEqual(['second', 'first']);
});

test('an error of ours keeps its code, thrown at once or later; another one its words', async () => {
  const { remote } = messagePorts();
  const refused = new ForerunError('storage-unavailable', 'There is no room.');
  for (const how of ['at once', 'later'] as const) {
    const error: unknown = await remote.ask('refuse', how).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ForerunError);
    expect(error).toMatchObject({ code: refused.code, message: refused.message });
  }
  await expect(remote.ask('refuse', 'foreign')).rejects.toThrow(/^foreign$/);
});

test('a call that nobody waits for may come too late', async () => {
  const { remote } = messagePorts();
  remote.send('shut');
  expect(await remote.ask('total')).toBe(0);
});

test('events come between answers, in order with them; messages of others are passed over', async () => {
  const { remote, port } = messagePorts();
  const heard: unknown[] = [];
  remote.listen((events) => heard.push(...events));
  await remote.ask('total');
  port.postMessage({ type: 'RAW', id: 1 });
  port.postMessage('text');
  port.postMessage(null);
  sendEvents(port, [forgotten]);
  await remote.ask('total');
  expect(heard).toEqual([forgotten]);
});

test('when released it says nothing, hears nothing and throws nothing', async () => {
  const { remote, api } = messagePorts();
  remote.release();
  remote.send('add', 1);
  void remote.ask('total').then(() => expect.unreachable());
  await new Promise((resolve) => setImmediate(resolve));
  expect(await api.total()).toBe(0);
});

test('between tabs a host and its page hear each other alone', async () => {
  const open = (): BroadcastChannel => {
    const channel = new BroadcastChannel('port-messages.test');
    ends.push(() => channel.close());
    return channel;
  };
  const side = open();
  answerCalls(side, counter());
  const remote = new CallPort<Counter>(open());
  const heard: unknown[] = [];
  remote.listen((events) => heard.push(...events));
  remote.send('add', 3);
  expect(await remote.ask('total')).toBe(3);
  sendEvents(side, [forgotten]);
  await remote.ask('total');
  expect(heard).toEqual([forgotten]);
});
