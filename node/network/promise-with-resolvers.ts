/**
 * libp2p 3 calls `Promise.withResolvers`, which Node 20 lacks: without it dials fail with a misleading ECONNRESET.
 * Importing this file first is all it takes; on Node 22 and later it does nothing.
 */

interface Resolvers {
  readonly promise: Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

function withResolvers(): Resolvers {
  let resolve: Resolvers['resolve'] | undefined;
  let reject: Resolvers['reject'] | undefined;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  // The executor above has run by now.
  return { promise, resolve, reject } as Resolvers;
}

if (!('withResolvers' in Promise)) {
  Object.defineProperty(Promise, 'withResolvers', { value: withResolvers, writable: true, configurable: true });
}
