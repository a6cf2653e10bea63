/** What the sync cases run: each workload once a round and contender, in a fresh world, all processes its own. */

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { BenchContext } from '../context.ts';
import { percentile } from '../statistics.ts';
import type { Sample } from './rounds.ts';
import { loadTrace, type Trace } from './trace.ts';
import type { SyncAgent, SyncWorld } from './world.ts';

const LATENCY_WARMUP = 300;
const LATENCY_RECORDS = 2_000;
const BURST_RECORDS = 20_000;
const JOIN_RECORDS = 10_000;
const OFFLINE_RECORDS = 5_000;
/** Fresh joiners per world: the first peer's seeding costs more than a join. */
const JOINS = 3;

/** `p50`, `p99`: one-way ms of single records, each written once the one before was acknowledged. */
export async function propagate(context: BenchContext, world: SyncWorld): Promise<Sample> {
  const [first, second] = await world.pair();
  const socket = path.join(world.folder, 'ack.sock');
  await first.ask({ do: 'listenForAcks', socket });
  await second.ask({ do: 'acknowledge', socket });
  await first.ask({ do: 'closedLoop', count: LATENCY_WARMUP + (context.quick ? 500 : LATENCY_RECORDS) });
  const latencies = ((await second.ask({ do: 'latencies' })) as number[]).slice(LATENCY_WARMUP);
  return { p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99) };
}

/** `rate`: records a second from the first edit until the reader has all 20,000; `bytes` on all sockets meanwhile. */
export async function burst(world: SyncWorld, perTick: number): Promise<Sample> {
  const [first, second] = await world.pair();
  await second.ask({ do: 'forget' });
  const before = await world.bytes();
  const complete = second.number({ do: 'awaitRecords', count: BURST_RECORDS });
  const started = await first.number({ do: 'write', count: BURST_RECORDS, prefix: 'r', perTick });
  const seconds = ((await complete) - started) / 1000;
  return { rate: BURST_RECORDS / seconds, bytes: (await world.bytes()) - before };
}

/** `ms` from connecting a fresh peer until it has what was there; `bytes` on all sockets meanwhile. */
export async function joinRecords(world: SyncWorld, options: { checkpoint: boolean }): Promise<Sample> {
  const { first } = world;
  await first.ask({ do: 'connect' });
  await first.ask({ do: 'seed', count: JOIN_RECORDS });
  if (options.checkpoint) await first.ask({ do: 'checkpoint' });
  return await joins(world, (joiner) => joiner.number({ do: 'awaitRecords', count: JOIN_RECORDS }));
}

/** As {@link joinRecords}, with a text that was typed key by key. */
export async function joinTrace(world: SyncWorld, trace: TraceFile): Promise<Sample> {
  const { first } = world;
  await first.ask({ do: 'connect' });
  await first.ask({ do: 'type', file: trace.file });
  await first.ask({ do: 'checkpoint' });
  return await joins(world, (joiner) => joiner.number({ do: 'awaitText', length: trace.endLength }));
}

/** `ms` from connecting two peers that wrote 5,000 records each on their own until both have all; `bytes` meanwhile. */
export async function mergeOffline(world: SyncWorld): Promise<Sample> {
  const [first, second] = await world.pair();
  for (const agent of [first, second]) await agent.ask({ do: 'disconnect' });
  await Promise.all([
    first.ask({ do: 'write', count: OFFLINE_RECORDS, prefix: 'a', perTick: 1000 }),
    second.ask({ do: 'write', count: OFFLINE_RECORDS, prefix: 'b', perTick: 1000 }),
  ]);
  for (const agent of [first, second]) await agent.ask({ do: 'forget' });
  const before = await world.bytes();
  const complete = [first, second].map((agent) => agent.number({ do: 'awaitRecords', count: OFFLINE_RECORDS }));
  const started = await world.connect(second);
  const done = Math.max(...(await Promise.all(complete)));
  return { ms: done - started, bytes: (await world.bytes()) - before };
}

export interface TraceFile extends Pick<Trace, 'endLength' | 'origin'> {
  /** JSON of its edits. */
  readonly file: string;
}

export function traceFile(context: BenchContext): TraceFile {
  const { edits, endLength, origin } = loadTrace(context.root);
  const file = path.join(context.folder, 'trace.json');
  writeFileSync(file, JSON.stringify(edits));
  return { file, endLength, origin };
}

async function joins(world: SyncWorld, complete: (joiner: SyncAgent) => Promise<number>): Promise<Sample> {
  const times: number[] = [];
  const bytes: number[] = [];
  // the first one is a witness that everything has reached the hub, and is thrown away
  for (let n = 0; n <= JOINS; n++) {
    const joiner = await world.next();
    const before = await world.bytes();
    const done = complete(joiner);
    const started = await joiner.number({ do: 'connect' });
    times.push((await done) - started);
    bytes.push((await world.bytes()) - before);
    await world.end(joiner);
  }
  return { ms: percentile(times.slice(1), 0.5), bytes: percentile(bytes.slice(1), 0.5) };
}
