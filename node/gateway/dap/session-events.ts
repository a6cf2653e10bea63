/** The sandbox's topics as DAP events: from the moment the client is ready for them, beginning with how things stand. */

import type { DebugProtocol } from '@vscode/debugprotocol';
import type { Broadcast, TopicEvent, TopicName } from '#protocol/topics.ts';
import type { Hit } from '#shared/model/hit.ts';
import type { ConsoleLine, Target } from '#shared/model/target.ts';
import type { Subscription } from '../../sandbox/topic-hub.ts';
import type { DapSession } from './dap-session.ts';
import { THREAD_ID } from './thread-id.ts';

const TOPICS: readonly TopicName[] = [
  'targets',
  'pauses',
  'breakpoints',
  'leases',
  'output',
  'hits',
  'values',
  'members',
];
const ENDED: ReadonlySet<Target['state']> = new Set(['exited', 'detached']);

export class SessionEvents {
  readonly #session: DapSession;
  #subscription: Subscription | undefined;
  /** Come while how things stand is being read; undefined: told at once. */
  #early: Broadcast[] | undefined = [];
  #driver: number | null = null;
  #hasEnded = false;

  constructor(session: DapSession) {
    this.#session = session;
  }

  /** Listens; nothing is told before {@link open}. */
  start(): void {
    const { services, sandbox } = this.#session;
    this.#subscription ??= services.hub.subscribe(sandbox.id, TOPICS, (broadcast) => {
      if (this.#early === undefined) this.#take(broadcast);
      else this.#early.push(broadcast);
    });
  }

  /** The target is known and the client configured: how things stand, then what happens. */
  async open(): Promise<void> {
    const session = this.#session;
    const { targets } = await session.run('target.list', {});
    const found = targets.find(({ id }) => id === session.target);
    await session.breakpoints.open();
    session.wire.event('thread', { reason: 'started', threadId: THREAD_ID });
    if (found !== undefined) {
      this.#driver = found.lease?.holder ?? null;
      session.stops.take(found.pause);
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const broadcast of early) this.#take(broadcast);
    if (found !== undefined && ENDED.has(found.state)) this.#onEnd(found);
  }

  /** The program of this session is over; told once. */
  end(exitCode: number | null): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    const { wire } = this.#session;
    setImmediate(() => {
      if (exitCode !== null) wire.event('exited', { exitCode } satisfies DebugProtocol.ExitedEvent['body']);
      wire.event('terminated');
    });
  }

  stop(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
  }

  #take({ topic, event }: Broadcast): void {
    const session = this.#session;
    switch (topic) {
      case 'pauses': {
        const { target, pause } = event as TopicEvent<'pauses'>;
        if (target === session.targetOrNone) session.stops.take(pause);
        return;
      }
      case 'targets': {
        const { target } = event as TopicEvent<'targets'>;
        if (target.id === session.targetOrNone && ENDED.has(target.state)) this.#onEnd(target);
        return;
      }
      case 'breakpoints': {
        const { breakpoint, view } = event as TopicEvent<'breakpoints'>;
        return session.breakpoints.take(breakpoint, view);
      }
      case 'output':
        return this.#onOutput((event as TopicEvent<'output'>).lines);
      case 'hits':
        return this.#onHits((event as TopicEvent<'hits'>).hits);
      case 'values':
        return this.#onValues(event as TopicEvent<'values'>);
      case 'leases':
        return this.#onLease((event as TopicEvent<'leases'>).lease);
      case 'members':
        return session.members.take((event as TopicEvent<'members'>).member);
      default:
    }
  }

  #onEnd(target: Target): void {
    const { launched } = this.#session;
    this.#session.stops.take(null);
    // A watcher starts its program again: over is over when what was launched has ended.
    if (launched?.isRunning === true) return;
    if (target.state === 'detached') this.#session.tell('sandmesh: the program was let go; it keeps running');
    // Killed, or gone before it could say its code: that it ended well is for nobody to claim.
    this.end(target.exitCode ?? null);
  }

  #onOutput(lines: readonly ConsoleLine[]): void {
    const { wire, targetOrNone, launched } = this.#session;
    for (const { target, stream, text, dropped } of lines) {
      if (target !== targetOrNone) continue;
      // What it writes comes to us whole, over its own pipes.
      if (launched?.pipesOutput === true && stream !== 'system') continue;
      if (dropped !== undefined) wire.event('output', { category: 'important', output: `${dropped} lines dropped\n` });
      wire.event('output', { category: categoryOf(stream), output: `${text}\n` });
    }
  }

  /** Whoever set or ran something: this client sees what it did, too. */
  #onValues({ target, typed }: TopicEvent<'values'>): void {
    const { wire, client, read, targetOrNone } = this.#session;
    if (target !== targetOrNone) return;
    read.forget();
    if (!typed || !client.takesInvalidated) return;
    const body: DebugProtocol.InvalidatedEvent['body'] = { areas: ['variables'], threadId: THREAD_ID };
    wire.event('invalidated', body);
  }

  #onHits(hits: readonly Hit[]): void {
    const { wire, client, paths, members, targetOrNone } = this.#session;
    for (const { target, file, line, text, by, passedOver } of hits) {
      if (target !== targetOrNone) continue;
      const whose = by === members.self ? '' : `${members.nameOf(by)}: `;
      const gap = passedOver === undefined ? '' : ` (${passedOver} hits before it not recorded)`;
      const place = file === undefined ? {} : { source: paths.toSource(file, undefined), line: client.line(line) };
      wire.event('output', { category: 'console', output: `${whose}${text}${gap}\n`, ...place });
    }
  }

  #onLease({ target, holder }: TopicEvent<'leases'>['lease']): void {
    const { members, targetOrNone } = this.#session;
    if (target !== targetOrNone || holder === this.#driver) return;
    this.#driver = holder;
    if (holder !== null && holder !== members.self)
      this.#session.tell(`sandmesh: ${members.nameOf(holder)} drives now`);
  }
}

function categoryOf(stream: ConsoleLine['stream']): string {
  if (stream === 'system') return 'important';
  return stream === 'warn' || stream === 'error' || stream === 'trace' ? 'stderr' : 'stdout';
}
