/** Where the client's person looks, told to the other members: the frame whose variables it asked for last. */

import type { CommandInput } from '#protocol/catalogue/catalogue.ts';
import type { DapSession } from './dap-session.ts';

const MAX_CLIENT_CHARS = 40;

export class LookedAt {
  readonly #session: DapSession;
  /** They hear of a change only. */
  #told = '';

  constructor(session: DapSession) {
    this.#session = session;
  }

  /** @param index of a frame of the stop that is shown; undefined: the program runs */
  frame(index: number | undefined): void {
    const { stops, client, target } = this.#session;
    const frame = index === undefined ? undefined : stops.current?.frames[index];
    const place: CommandInput<'presence.set'> = {
      client: client.name.slice(0, MAX_CLIENT_CHARS),
      target,
      ...(frame === undefined ? {} : { frame: frame.index }),
      ...(frame?.file === undefined ? {} : { file: frame.file, line: Math.max(1, frame.line) }),
    };
    const told = JSON.stringify(place);
    if (told === this.#told) return;
    this.#told = told;
    // After the answer that the client waits for. Ephemeral: a failure is made good by the next look.
    setImmediate(() => void this.#session.run('presence.set', place).catch(() => undefined));
  }
}
