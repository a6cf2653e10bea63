/**
 * What an envelope's clientIDs stand for, read from what its chain had declared to have seen (PROTOCOL.md): of a chain that
 * forked, the line that was declared first goes by the chain's clientID, each further one by a number from 1 on. By the
 * simplest means, and without the code that is judged.
 */

import { chainKey } from '#protocol/envelope.ts';
import { chainOfClient } from '#shared/documents/client-id.ts';
import { readUpdate, type StructId } from '#shared/documents/update-reader.ts';
import type { Known, Registry } from './registry.ts';

/** From the chain's first envelope on. */
type Line = readonly Known[];

/** What an envelope deletes: `client:clock` as its author wrote it, and the envelope it stands in. */
export function* deletedBy(registry: Registry, known: Known): Iterable<readonly [id: string, writer: Known]> {
  const lines = new DeclaredLines(registry, known);
  const { header, payload } = known.envelope;
  for (const { client, clock, length } of readUpdate(payload).deletes) {
    for (let at = clock; at < clock + length; at++) {
      const writer = lines.writerOf(header.document, { client, clock: at });
      if (writer !== undefined) yield [`${readUpdate(writer.envelope.payload).client}:${at}`, writer];
    }
  }
}

class DeclaredLines {
  readonly #own: Line;
  readonly #ownKey: string;
  readonly #first = new Map<string, Line[]>();
  /** Chain and number among its lines, in the order of their declaration. */
  readonly #further: (readonly [chain: string, index: number])[] = [];

  constructor(registry: Registry, { envelope: { hash, header } }: Known) {
    this.#own = registry.chainTo(hash);
    this.#ownKey = chainKey(header.member, header.incarnation);
    for (const { envelope } of this.#own) {
      for (const dep of envelope.header.deps) {
        this.#declare(chainKey(dep.member, dep.incarnation), registry.chainTo(dep.hash));
      }
    }
  }

  /** The envelope that wrote something; undefined when the chain had declared none. */
  writerOf(document: string, id: StructId): Known | undefined {
    return this.#lineOf(id.client)?.find(({ envelope: { header, payload } }) => {
      if (header.document !== document || payload.length === 0) return false;
      return readUpdate(payload).structs.some(({ clock, length }) => clock <= id.clock && id.clock < clock + length);
    });
  }

  #lineOf(client: number): Line | undefined {
    const name = chainOfClient(client);
    if (name !== undefined) {
      const key = chainKey(name.member, name.incarnation);
      return key === this.#ownKey ? this.#own : this.#first.get(key)?.[0];
    }
    const [chain, index] = this.#further[client - 1] ?? ['', 0];
    return this.#first.get(chain)?.[index];
  }

  #declare(chain: string, line: Line): void {
    const lines = this.#first.get(chain) ?? [];
    const last = line.at(-1) as Known;
    if (lines.some((other) => other.includes(last))) return;
    const grown = lines.findIndex((other) => line.includes(other.at(-1) as Known));
    if (grown === -1 && lines.length > 0) this.#further.push([chain, lines.length]);
    lines[grown === -1 ? lines.length : grown] = line;
    this.#first.set(chain, lines);
  }
}
