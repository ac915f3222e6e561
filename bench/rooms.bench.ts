/**
 * `npm run bench -- rooms [--seconds 6] [--only match]`: server CPU per commit with 20 and with 2,000 sockets, each subscribed to a room of
 * its own, the floor of both being the same commits with no socket subscribed; the time to find the queries of a changed
 * row among 100,000; and how long a snapshot of 200,000 rows holds up the server's loop.
 */

import { parseArgs } from 'node:util';
import type { Expression } from '../core/query/expression.ts';
import { parseQuery } from '../core/query/parse.ts';
import { type FiledQuery, PlanIndex } from '../core/query/plan-index.ts';
import { defineModule } from 'forerun';
import * as rooms from './rooms/module.ts';
import { RoomVisitor } from './rooms/visitor.ts';
import { type Child, startChild } from './transfer/processes.ts';

interface ServerReport {
  readonly cpuMicros: number;
  readonly commits: number;
  readonly loopDelayMaxMs: number;
  readonly loopDelayP99Ms: number;
}

const inFlight = 8;
const queryCount = 100_000;
const snapshotRows = 200_000;

export async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: { type: 'string', default: '6' }, only: { type: 'string' } },
  });
  const measureMs = Number(values.seconds) * 1000;
  const matchMicros = matchTime();
  if (values.only === 'match') return console.log(JSON.stringify({ bench: 'rooms', match_us_100k: matchMicros }));
  const none = await roomsRun(0, measureMs);
  const few = await roomsRun(20, measureMs);
  const many = await roomsRun(2_000, measureMs);
  const snapshot = await snapshotRun();
  console.log(`CPU per commit        no subscriber ${none} µs   20 sockets ${few} µs   2,000 sockets ${many} µs`);
  console.log(`2,000 against 20      ${(many / few).toFixed(2)} ×`);
  console.log(`a changed row among ${queryCount} queries   ${matchMicros} µs`);
  console.log(
    `snapshot of ${snapshotRows} rows   ${snapshot.ms} ms, the loop held up at most ${snapshot.loopDelayMaxMs} ms (p99 ${snapshot.loopDelayP99Ms}); without it ${snapshot.idleMaxMs} ms`,
  );
  console.log(
    JSON.stringify({
      bench: 'rooms',
      cpu_us_20: few,
      cpu_us_2000: many,
      match_us_100k: matchMicros,
      cpu_us_0: none,
      snapshot_block_ms_max: snapshot.loopDelayMaxMs,
    }),
  );
}

/** Server CPU per commit: one writer, so many calls in flight, each into a room of its own choice in turn. */
async function roomsRun(sockets: number, measureMs: number): Promise<number> {
  const server = startChild(new URL('./rooms/server.ts', import.meta.url).href);
  const { url } = await server.message<{ url: string }>('listening');
  const visitors: RoomVisitor[] = [];
  for (let room = 0; room < sockets; room++)
    visitors.push(await RoomVisitor.open(url, [`SELECT * FROM message WHERE room = ${room}`]));
  const writer = await RoomVisitor.open(url, []);
  let said = 0;
  let isOver = false;
  const say = (): void => {
    if (!isOver) writer.call('say', { room: said++ % Math.max(1, sockets), text: 'hello there' });
  };
  // A frame answers one call or several; so many are made again as it takes to keep the number in flight.
  let answered = 0;
  writer.onFrame = (frame) => {
    const outcomes = outcomesIn(frame);
    answered += outcomes;
    for (let i = 0; i < outcomes; i++) say();
  };
  for (let i = 0; i < inFlight; i++) say();
  await pause(2_000);
  server.process.send('mark');
  await pause(measureMs);
  const { cpuMicros, commits } = await ask(server);
  isOver = true;
  await pause(200);
  const received = visitors.reduce((sum, visitor) => sum + visitor.frames, 0);
  if (sockets > 0 && received < answered)
    throw new Error(`${answered} commits reached ${received} frames: someone was not told`);
  for (const visitor of [...visitors, writer]) visitor.close();
  server.process.send('stop');
  await server.exited;
  return Number((cpuMicros / commits).toFixed(2));
}

/** Batch: tag, lastSeq, count of outcomes. */
function outcomesIn(frame: Uint8Array): number {
  if (frame[0] !== 2) return 0;
  let at = 1;
  while (((frame[at++] as number) & 0x80) !== 0);
  return frame[at] as number;
}

async function snapshotRun(): Promise<Omit<ServerReport, 'cpuMicros' | 'commits'> & { ms: number; idleMaxMs: number }> {
  const server = startChild(new URL('./rooms/server.ts', import.meta.url).href);
  const { url } = await server.message<{ url: string }>('listening');
  const writer = await RoomVisitor.open(url, []);
  for (let from = 0; from < snapshotRows; from += 2_000) {
    const done = new Promise<void>((resolve) => (writer.onFrame = () => resolve()));
    writer.call('fill', { from, count: 2_000 });
    await done;
  }
  server.process.send('mark');
  await pause(1_000);
  const idle = await ask(server);
  server.process.send('mark');
  const startMs = performance.now();
  const reader = await RoomVisitor.open(url, ['SELECT * FROM message']);
  const ms = Math.round(performance.now() - startMs);
  const { loopDelayMaxMs, loopDelayP99Ms } = await ask(server);
  for (const each of [reader, writer]) each.close();
  server.process.send('stop');
  await server.exited;
  return { ms, loopDelayMaxMs, loopDelayP99Ms, idleMaxMs: idle.loopDelayMaxMs };
}

/** Each query is for one room, or for a range of ids; each change concerns two of them. In CPU time. */
function matchTime(): number {
  const definition = defineModule(rooms);
  const room = parseQuery('SELECT * FROM message WHERE room = 1', definition, { isVisible: () => true });
  const range = parseQuery('SELECT * FROM message WHERE id >= 1 AND id < 3', definition, { isVisible: () => true });
  const index = new PlanIndex<number>();
  for (let n = 0; n < queryCount; n++) {
    const plan = n % 2 === 0 ? room : range;
    const query: FiledQuery<number> = { plan: { ...plan, where: moved(plan.where, n) }, sender: undefined, target: n };
    index.add(query);
  }
  const changes = 200_000;
  let found = 0;
  const match = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const n = (i * 7_919) % queryCount;
      const before = { id: BigInt(n), room: n - (n % 2), text: 'a' };
      index.match({ tableId: 0, before, after: { ...before, text: 'b' } }, () => found++);
    }
  };
  match(changes);
  found = 0;
  const cpu = process.cpuUsage();
  match(changes);
  const { user, system } = process.cpuUsage(cpu);
  if (found < changes) throw new Error(`${changes} changes found ${found} queries`);
  return Number(((user + system) / changes).toFixed(2));
}

/** The condition with its numbers moved by n. */
function moved(expression: Expression, n: number): Expression {
  if (expression.type === 'and') return { ...expression, parts: expression.parts.map((part) => moved(part, n)) };
  if (expression.type !== 'compare' || expression.right.type !== 'literal') return expression;
  const { value } = expression.right;
  const next = typeof value === 'bigint' ? value + BigInt(n) : Number(value) - 1 + n;
  return { ...expression, right: { ...expression.right, value: next } };
}

function ask(server: Child): Promise<ServerReport> {
  server.process.send('report');
  return server.message('report');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
