/** What is told, asked and answered over one level link, and how long a peer is left alone whose answers are of no use. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Chain } from '#node/network/replication/chains/chain.ts';
import { ChainStore } from '#node/network/replication/chains/chain-store.ts';
import { EnvelopeFlow, type FlowMessage } from '#node/network/replication/peers/envelope-flow.ts';
import type { Received } from '#node/network/replication/peers/intake.ts';
import type { SyncHost } from '#node/network/replication/peers/sync-host.ts';
import type { Head } from '#protocol/replication-messages.ts';
import type { MemberId } from '#shared/ids.ts';
import { FakeTimers } from '#test/node/fake-timers.ts';

const nothing: Received = { heads: [], awaited: [], fresh: false, spilled: false };

function headAt(seq: number): Head {
  return { member: 2 as MemberId, incarnation: 7, seq, hash: new Uint8Array(16).fill(seq) };
}

class Peer {
  readonly timers = new FakeTimers();
  readonly said: FlowMessage[] = [];
  readonly noticed: string[] = [];
  readonly chains = new ChainStore();
  received: Received = nothing;
  isCongested = false;
  readonly flow: EnvelopeFlow;

  constructor() {
    const host = {
      chains: this.chains,
      environment: { after: this.timers.after.bind(this.timers), defer: (task: () => void) => task() },
      absentFor: (heads: readonly Head[]) => heads,
      receiveEnvelopes: () => this.received,
      envelopeBytes: (position: number) => new Uint8Array([position]),
      checkpoints: { pruned: () => this.noticed.push('pruned') },
    };
    const send = (): boolean => this.flow.note(!this.isCongested);
    this.flow = new EnvelopeFlow({
      host: host as unknown as SyncHost,
      peerKey: new Uint8Array(32),
      send: (message) => {
        this.said.push(message);
        return send();
      },
      sendEncoded: () => {
        this.noticed.push('pushed');
        return send();
      },
      onHeads: () => this.noticed.push('heads'),
      onServed: () => this.noticed.push('served'),
      onRested: () => this.noticed.push('rested'),
    });
  }

  /** A chain of ours with one envelope more. */
  write(chain = new Chain(1 as MemberId, 1)): Chain {
    const seq = chain.seq + 1;
    const link = { position: seq, control: [1], lamport: seq, document: 'debug', endClock: seq, seen: undefined };
    chain.append({ ...link, hash: new Uint8Array(32).fill(seq) });
    this.chains.add(chain);
    return chain;
  }

  /** What it has said since it was asked last. */
  get types(): string[] {
    return this.said.splice(0).map(({ type }) => type);
  }
}

test('nothing is told before the link is level, and nothing after it is stopped', () => {
  const peer = new Peer();
  const chain = peer.write();
  const tell = (): void => {
    peer.flow.announce([chain]);
    peer.flow.push(new Uint8Array(1), chain, 1, 1);
    peer.flow.restart();
  };
  tell();
  assert.equal([peer.types, peer.noticed], [[], []]);
  peer.flow.start();
  assert.equal(peer.said.splice(0), [{ type: 'heads', full: true, heads: [chain.head] }]);
  peer.flow.announce([chain]);
  assert.equal(peer.types, [], 'it was told');
  peer.flow.stop();
  peer.write(chain);
  tell();
  assert.equal([peer.types, peer.noticed], [[], []]);
});

test('what is written is pushed only right after what the peer was told, and while the link takes more', () => {
  const peer = new Peer();
  peer.flow.start();
  const chain = peer.write();
  const push = (seq: number): void => peer.flow.push(new Uint8Array(1), chain, seq, 1);
  push(1);
  peer.write(peer.write(chain));
  push(3);
  assert.equal(peer.noticed, ['pushed'], 'the second was held back');
  peer.isCongested = true;
  push(2);
  push(3);
  assert.equal(peer.noticed, ['pushed', 'pushed']);
  peer.flow.resume();
  peer.isCongested = false;
  push(3);
  assert.equal(peer.noticed, ['pushed', 'pushed', 'pushed']);
});

test('it is settled when it has said what it has, and that is here or not to be had', () => {
  const peer = new Peer();
  peer.flow.start();
  assert.not(peer.flow.settled);
  peer.flow.receive({ type: 'heads', full: true, heads: [headAt(3)] });
  assert.not(peer.flow.settled);
  assert.equal([...peer.flow.missing().values()], [[headAt(3)]]);
  peer.flow.pull([headAt(3)]);
  assert.ok(peer.flow.asked);
  peer.flow.forgive();
  assert.ok(peer.flow.settled && peer.flow.stalled);
  peer.flow.receive({ type: 'envelopes', envelopes: [] });
  assert.is(peer.flow.deliveries, 1);
  assert.not(peer.flow.stalled || peer.flow.settled, 'it delivers: it may have the rest');
});

test('who answers without bringing us on is left alone, longer each time, until it does', () => {
  const peer = new Peer();
  peer.flow.start();
  peer.flow.receive({ type: 'heads', full: true, heads: [headAt(3)] });
  const ask = (): void => {
    peer.flow.pull([headAt(3)]);
    peer.flow.receive({ type: 'served' });
    assert.not(peer.flow.asked);
  };
  for (const restMs of [250, 500, 1000, 2000, 4000, 8000, 8000]) {
    ask();
    peer.timers.pass(restMs - 1);
    assert.is(peer.flow.missing().size, 0);
    peer.timers.pass(1);
    assert.is(peer.flow.missing().size, 1);
    assert.is(peer.noticed.pop(), 'rested');
  }
  peer.received = { ...nothing, fresh: true };
  peer.flow.pull([headAt(3)]);
  peer.flow.receive({ type: 'envelopes', envelopes: [] });
  peer.flow.receive({ type: 'served' });
  assert.is(peer.flow.missing().size, 1, 'it is asked on at once');
  ask();
  peer.timers.pass(250);
  assert.is(peer.noticed.pop(), 'rested', 'it begins anew');
});

test('for want of room, and for what it has let go of, it is asked later', () => {
  const spilling = new Peer();
  spilling.flow.receive({ type: 'heads', full: true, heads: [headAt(3)] });
  spilling.received = { ...nothing, spilled: true };
  spilling.flow.receive({ type: 'envelopes', envelopes: [] });
  assert.is(spilling.flow.missing().size, 0);
  const pruning = new Peer();
  pruning.flow.receive({ type: 'heads', full: true, heads: [headAt(3)] });
  pruning.flow.receive({ type: 'pruned', bases: [] });
  assert.is(pruning.flow.missing().size, 0);
  assert.equal(pruning.noticed, ['heads', 'pruned']);
});

test('a pull is answered with what the asker lacks, and ends with a word', () => {
  const peer = new Peer();
  peer.flow.start();
  peer.types;
  const chain = peer.write(peer.write());
  peer.flow.receive({ type: 'pull', wants: [{ ...chain.head, have: [] }] });
  assert.equal(peer.said, [
    { type: 'envelopes', envelopes: [new Uint8Array([1]), new Uint8Array([2])] },
    { type: 'served' },
  ]);
});

test.run();
