/** What exists in the scene while an operation is tried, so that what fits gets further than the look-up. */

import { rmSync } from 'node:fs';
import fc from 'fast-check';
import type { CommandArgs, CommandName, CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Overrides } from './arbitraries.ts';
import type { Operation } from './document.ts';
import { type ApiScene, pauseProgram } from './scene.ts';

export class World {
  readonly #scene: ApiScene;
  readonly #token: string;

  /** @param token of the session that handles and debug sessions are to belong to */
  constructor(scene: ApiScene, token: string) {
    this.#scene = scene;
    this.#token = token;
  }

  /**
   * Puts back what operations before took away: the program stands at a breakpoint, and there is one of everything.
   *
   * @returns values by the name of the argument
   */
  async refresh(operation: Operation): Promise<Overrides> {
    const { base, member, sandbox, target, origin, client } = this.#scene;
    if ((await client.call('pause.list', {})).pauses.length === 0) await this.#pause();
    const { scopes } = await this.#call('inspect.scopes', { target });
    const opened = scopes[0]?.variables.find(({ handle }) => handle !== undefined)?.handle;
    const { files } = await this.#call('source.list', { target, match: 'app.js' });
    const { breakpoints } = await this.#call('breakpoint.list', {});
    const { snapshots } = await this.#call('snapshot.list', {});
    const snapshot = snapshots[0]?.id ?? (await this.#call('snapshot.take', { target })).id;
    const { session } = await this.#session();
    const { invites } = await this.#call('invite.list', {});
    const invite = invites.find(({ state }) => state === 'open')?.id ?? (await this.#invite());
    const { tokens } = await this.#call('token.list', {});
    const id = tokens[0]?.id ?? (await this.#call('token.create', { label: 'x', scopes: ['read'] })).info.id;
    const noSuchFile = fc.stringMatching(/^[a-z]{1,12}$/).map((name) => `${base}/${name}/${name}`);
    rmSync(`${base}/export.smx`, { force: true });
    const of = (kind: string): boolean => operation.operationId.includes(kind);
    return {
      sandbox: mostly(sandbox, fc.stringMatching(/^[0-9a-f]{40}$/)),
      target: mostly(target, fc.stringMatching(/^[1-9]\.[0-9a-f]{8}$/)),
      breakpoint: mostly(breakpoints.at(-1)?.id, fc.stringMatching(/^[1-9]\.[0-9a-z]{6}$/)),
      snapshot: mostly(snapshot, fc.stringMatching(/^[1-9]\.[0-9a-z]{6}$/)),
      session: mostly(session, fc.string({ maxLength: 20 })),
      invite: mostly(invite, fc.stringMatching(/^[0-9a-f]{8,64}$/)),
      id: mostly(id, fc.string({ maxLength: 20 })),
      handle: mostly(of('snapshot') ? undefined : opened, fc.string({ maxLength: 64 })),
      frame: mostly(0, fc.nat(10_000)),
      folder: mostly(member.folder, noSuchFile),
      // An export and an import name a file anywhere, a draft one of the project, the others a loaded one.
      file: of('storage')
        ? mostly(`${base}/export.smx`, noSuchFile)
        : of('draft')
          ? mostly('app.js', fc.string({ maxLength: 40 }))
          : fc.constant(files[0]),
      document: fc.constantFrom('draft/app.js', 'debug', 'probes', 'notes/1', 'nonsense', 'draft/../x'),
      // Nothing of this machine is attached to by chance.
      where: of('breakpoint')
        ? fc.constant({ kind: 'line', file: files[0], line: 4 })
        : fc.constantFrom('999999999', '127.0.0.1:1', 'nonsense', new URL(origin).host),
      expression: fc.constantFrom('ticks', 'cart', 'cart.items[0]', 'throw new Error("no")', '}{', 'globalThis'),
      // One kind of place at a time; the others are refused together.
      function: fc.constantFrom(undefined, undefined, 'tick'),
      exception: fc.constantFrom(undefined, undefined, 'uncaught'),
      name: fc.constantFrom('ticks', 'ada', 'Grace Hopper', ''),
      condition: fc.constantFrom('ticks > 3', 'ticks > ', 'false'),
      location: fc.constantFrom('app.js:4', 'app.js:5:1', 'nowhere.js:1', 'app.js'),
      path: fc.constantFrom('cart', 'cart.items', 'nothing'),
      key: fc.constantFrom('name', 'log.level', 'nonsense', 'debug.leaseIdleMs'),
      value: fc.constantFrom('ada', '5000', 'info', ''),
      settleMs: fc.integer({ min: 0, max: 20 }),
      waitMs: fc.integer({ min: 0, max: 200 }),
      timeoutMs: fc.integer({ min: 200, max: 500 }),
      keepTrying: fc.constant(false),
      // Whoever is asked to say yes is not here.
      member: fc.integer({ min: 2, max: 5 }),
      wait: fc.constant(true),
      next: fc.constant(undefined),
    };
  }

  /** Old ones are taken out: one that stops a step or a restart elsewhere is no use here. */
  async #pause(): Promise<void> {
    const { breakpoints } = await this.#call('breakpoint.list', {});
    for (const { id } of breakpoints) await this.#call('breakpoint.remove', { breakpoint: id });
    await pauseProgram(this.#scene);
  }

  async #session(): Promise<{ session: string }> {
    const { sessions } = await this.#call('debug.list', {});
    const [known] = sessions;
    return { session: known?.id ?? (await this.#call('debug.open', { target: this.#scene.target })).id };
  }

  async #invite(): Promise<string> {
    return (await this.#call('invite.create', { role: 'viewer' })).invite.id;
  }

  async #call<N extends CommandName>(command: N, args: CommandArgs<N>): Promise<CommandResult<N>> {
    const response = await fetch(`${this.#scene.origin}/api/v1/commands/${command}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ args, sandbox: this.#scene.sandbox }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${command}: ${text}`);
    return JSON.parse(text) as CommandResult<N>;
  }
}

function mostly(value: unknown, or: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: or });
}
