/** A page that joins the host where it is already: tabs do when a leader says a second time that it leads. */

import { expect, test } from 'vitest';
import { ByteWriter } from '../core/codec/bytes.ts';
import { compileCodec } from '../core/codec/bsatn.ts';
import { defineModule } from '../core/module/module.ts';
import type { HostEvent } from './client/host-api.ts';
import { Desk, deskModule } from './desk.testing.ts';

test('[TAB-3] a call that a page makes again at a host which has it from that page takes effect once', async () => {
  const desk = await Desk.open();
  const { hosts, client } = await desk.seat();
  client.reducers.put({ id: 1, text: 'one' });
  await desk.time.advance(100);
  const { reducers } = defineModule(deskModule);
  const bump = reducers.findIndex(({ accessor }) => accessor === 'bump');
  const args = (reducerId: number, value: Readonly<Record<string, unknown>>): Uint8Array => {
    const writer = new ByteWriter();
    compileCodec(reducers[reducerId]?.params ?? { type: 'product', fields: [] }).encode(writer, value);
    return writer.take();
  };
  const join = async (told: HostEvent[]) => {
    const page = hosts.page();
    await page.open(
      { url: '', replica: 'desk', storage: 'device', pageId: 'tab', token: undefined, guard: true, subscribe: 'all' },
      (events) => told.push(...events),
    );
    return page;
  };
  const [before, after]: [HostEvent[], HostEvent[]] = [[], []];
  const first = await join(before);
  first.simulate({ latencyMs: 50 });
  first.call({ handleId: 1, reducerId: bump, args: args(bump, { id: 1 }), again: false });
  const second = await join(after);
  second.call({ handleId: 1, reducerId: bump, args: args(bump, { id: 1 }), again: true });
  await desk.time.advance(100);
  expect(desk.home.rows('item')).toEqual([{ id: 1, text: 'one', count: 1 }]);
  const confirmed = after.filter((event) => event.type === 'call' && event.progress.type === 'confirmed');
  expect(confirmed).toMatchObject([{ handleId: 1 }]);
});
