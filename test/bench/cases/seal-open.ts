/** What a keystroke's message costs to seal and to open, by the library that the daemon takes, against Noise's own. */

import { randomBytes } from 'node:crypto';
import { noise } from '@chainsafe/libp2p-noise';
import { type MessageCipher, sodiumCipher } from '#node/network/message-cipher.ts';
import { sodium } from '#node/security/sodium.ts';
import type { BenchCase } from '../bench-case.ts';
import { interleave } from '../interleave.ts';

/** As long as the envelope of a record of 200 bytes. */
const TEXT = new Uint8Array(randomBytes(600));
const [KEY, NONCE, NOTHING] = [new Uint8Array(randomBytes(32)), new Uint8Array(12), new Uint8Array(0)];
const TIMES = 5_000;

function noisesOwn(): MessageCipher {
  const logger = { forComponent: () => () => undefined };
  const made = noise()({ logger } as unknown as Parameters<ReturnType<typeof noise>>[0]);
  return (made as unknown as { crypto: MessageCipher }).crypto;
}

function microseconds(cipher: MessageCipher): () => Promise<number> {
  return async () => {
    const started = performance.now();
    for (let n = 0; n < TIMES; n++) {
      const sealed = cipher.encrypt(TEXT, NONCE, NOTHING, KEY);
      if (cipher.decrypt(sealed, NONCE, NOTHING, KEY).length !== TEXT.length)
        throw new Error('It opens something else');
    }
    return ((performance.now() - started) * 1000) / TIMES;
  };
}

export const benchCase: BenchCase = {
  name: 'seal-open',
  title: 'a keystroke’s message sealed and opened, median, against Noise’s own',
  unit: 'µs',
  better: 'lower',
  goal: 1,
  goalOf: 'ratio',
  async run(context) {
    const theirs = noisesOwn();
    const contenders = { ours: microseconds(sodiumCipher(sodium()) ?? theirs), 'Noise’s own': microseconds(theirs) };
    const { medians, notes } = await interleave(contenders, { rounds: context.rounds(11) });
    return { ours: medians.ours, peers: { 'Noise’s own': medians['Noise’s own'] }, notes };
  },
};
