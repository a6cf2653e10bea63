/**
 * Real asynchronous work between simulated events. The code under test awaits promises and the platform's WebCrypto
 * (through jose); the simulator lets all of it finish before the next event, so that thread pools and microtasks have
 * no say in what happens when.
 */

type Operation = (...args: unknown[]) => Promise<unknown>;

const OPERATIONS = ['importKey', 'exportKey', 'generateKey', 'sign', 'verify', 'digest'] as const;

let running = 0;
let counted = false;

/** Counts WebCrypto operations under way, from now on and in the whole process. Harmless when called again. */
export function countCryptoOperations(): void {
  if (counted) return;
  counted = true;
  const { subtle } = globalThis.crypto;
  const prototype = Object.getPrototypeOf(subtle) as Record<string, Operation>;
  for (const name of OPERATIONS) {
    const original = prototype[name] as Operation;
    const counting: Operation = (...args) => {
      running++;
      return original.apply(subtle, args).finally(() => running--);
    };
    Object.defineProperty(subtle, name, { value: counting, configurable: true });
  }
}

/** Resolves when nothing asynchronous is under way: no microtask, no WebCrypto operation. */
export async function quiescence(): Promise<void> {
  do {
    await new Promise((resolve) => setImmediate(resolve));
  } while (running > 0);
}
