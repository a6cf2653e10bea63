/**
 * Real asynchronous work between simulated events. The code under test awaits promises and the platform's WebCrypto
 * (through jose); the simulator lets all of it finish before the next event, so that thread pools and microtasks have
 * no say in what happens when.
 */

import { types } from 'node:util';

type Operation = (...args: unknown[]) => Promise<unknown>;

const OPERATIONS = ['importKey', 'exportKey', 'generateKey', 'sign', 'verify', 'digest'] as const;
/** Their results depend on their arguments alone; each daemon of a run asks for the same few again. */
const REMEMBERED: ReadonlySet<string> = new Set(['importKey', 'verify']);

/** More than the control entries of any run. */
const MAX_REMEMBERED = 2_000;

/** Several copies of this module may be loaded into one process, and there is one WebCrypto. */
const shared = sharedCount();

function sharedCount(): { running: number; counted: boolean } {
  const name = Symbol.for('sandmesh.simulate.crypto');
  const holder = globalThis as unknown as Record<symbol, { running: number; counted: boolean } | undefined>;
  holder[name] ??= { running: 0, counted: false };
  return holder[name];
}

/** Counts WebCrypto operations under way, from now on and in the whole process. Harmless when called again. */
export function countCryptoOperations(): void {
  if (shared.counted) return;
  shared.counted = true;
  const { subtle } = globalThis.crypto;
  const prototype = Object.getPrototypeOf(subtle) as Record<string, Operation>;
  for (const name of OPERATIONS) {
    const original = prototype[name] as Operation;
    const counting: Operation = (...args) => {
      shared.running++;
      return original.apply(subtle, args).finally(() => shared.running--);
    };
    const value = REMEMBERED.has(name) ? remembering(counting) : counting;
    Object.defineProperty(subtle, name, { value, configurable: true });
  }
}

function remembering(operation: Operation): Operation {
  const results = new Map<string, Promise<unknown>>();
  const names = new WeakMap<object, number>();
  let named = 0;
  const nameOf = (argument: unknown): string => {
    if (argument instanceof Uint8Array) return Buffer.from(argument).toString('latin1');
    if (!types.isCryptoKey(argument)) return JSON.stringify(argument);
    if (!names.has(argument)) names.set(argument, ++named);
    return `key ${names.get(argument)}`;
  };
  return (...args) => {
    const question = args.map(nameOf).join('|');
    const known = results.get(question) ?? operation(...args);
    if (results.size >= MAX_REMEMBERED) results.clear();
    results.set(question, known);
    return known;
  };
}

/** Resolves when nothing asynchronous is under way: no microtask, no WebCrypto operation. */
export async function quiescence(): Promise<void> {
  do {
    await new Promise((resolve) => setImmediate(resolve));
  } while (shared.running > 0);
}
