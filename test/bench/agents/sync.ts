/** One peer, or the hub, of one contender of the sync cases. It answers the driver in sync/world.ts. */

import { readFileSync } from 'node:fs';
import { serveAgent } from '../programs.ts';
import { sharedClockMs } from '../statistics.ts';
import type { ContenderName, Host, SyncPeer, Ticket } from '../sync/contender.ts';
import { contenders } from '../sync/contenders/all.ts';
import { countTcpBytes, tcpBytesWritten } from '../sync/net-bytes.ts';
import type { SyncRequest } from '../sync/request.ts';
import type { TextEdit } from '../sync/trace.ts';
import {
  AckListener,
  acknowledge,
  seedRecords,
  typeTrace,
  Watch,
  writeClosedLoop,
  writeRecords,
} from '../sync/workload.ts';

countTcpBytes();
// an orderly end, so that a profile is written
process.once('SIGTERM', () => process.exit(0));
const contender = contenders[process.argv[2] as ContenderName]();
const acks = new AckListener();
let opened: { readonly peer: SyncPeer; readonly watch: Watch; readonly host: Host | undefined } | undefined;
let latencies: readonly number[] = [];

function use(peer: SyncPeer, host?: Host): true {
  opened = { peer, watch: new Watch(peer), host };
  return true;
}

function current(): NonNullable<typeof opened> {
  if (opened === undefined) throw new Error('The peer is not open');
  return opened;
}

async function answer(request: SyncRequest): Promise<unknown> {
  switch (request.do) {
    case 'serve':
      return (await contender.serve?.()) ?? {};
    case 'introduce':
      return (await contender.introduce?.(request.folder)) ?? {};
    case 'openFirst': {
      const peer = await contender.openFirst(request);
      return use(peer, peer);
    }
    case 'openNext':
      return use(await contender.openNext(request));
    case 'admit':
      return (await current().host?.admit(request.card)) ?? ({} satisfies Ticket);
    case 'connect': {
      const started = sharedClockMs();
      await current().peer.connect();
      return started;
    }
    case 'disconnect':
      await current().peer.disconnect();
      return true;
    case 'checkpoint':
      await current().peer.checkpoint?.();
      return true;
    case 'write':
      return await writeRecords(current().peer, request);
    case 'seed':
      await seedRecords(current().peer, request.count);
      return true;
    case 'type': {
      const edits: TextEdit[] = JSON.parse(readFileSync(request.file, 'utf8'));
      await typeTrace(current().peer, edits);
      return true;
    }
    case 'forget':
      current().watch.forget();
      return true;
    case 'awaitRecords':
      return await current().watch.records(request.count);
    case 'awaitText':
      return await current().watch.text(request.length);
    case 'listenForAcks':
      await acks.listen(request.socket);
      return true;
    case 'acknowledge':
      latencies = await acknowledge(current().watch, request.socket);
      return true;
    case 'closedLoop':
      await writeClosedLoop(current().peer, acks, request.count);
      return true;
    case 'latencies':
      return latencies;
    case 'bytes':
      return tcpBytesWritten();
    default:
      return request satisfies never;
  }
}

serveAgent((request) => answer(request as unknown as SyncRequest));
