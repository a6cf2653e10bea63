/** Which methods a path takes, so that a wrong one is told from a path that is not there. */

import type { FastifyInstance } from 'fastify';

export class AllowedMethods {
  readonly #routes: { readonly method: string; readonly path: RegExp }[] = [];

  /** Knows every route that `app` and what is registered in it get from now on. */
  watch(app: FastifyInstance): void {
    app.addHook('onRoute', ({ method, url }) => {
      const path = new RegExp(`^${url.replace(/[.]/g, '\\.').replace(/\*$/, '.*').replace(/:\w+/g, '[^/]*')}$`);
      for (const each of [method].flat()) this.#routes.push({ method: each, path });
    });
  }

  /** @returns none for a path that is not there; HEAD beside GET, and OPTIONS */
  of(path: string): string[] {
    const methods = new Set(this.#routes.filter((route) => route.path.test(path)).map(({ method }) => method));
    if (methods.size === 0) return [];
    if (methods.has('GET')) methods.add('HEAD');
    return [...methods, 'OPTIONS'].sort();
  }
}
