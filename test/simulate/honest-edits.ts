/** What honest people do in documents: type, delete, set, nest, overwrite, each with a mark that names the author. */

import * as Y from 'yjs';
import type { DocumentName } from '#shared/documents/document-name.ts';
import type { Daemon } from './daemon.ts';
import type { Random } from './random.ts';

export const DRAFT: DocumentName = 'draft/main.ts';
export const DRAFTS: readonly DocumentName[] = [DRAFT, 'draft/cart.ts'];
/** Root map of `debug` and `probes`. */
export const RECORDS = 'records';

/** One of the records that only this daemon is supposed to write. */
export function ownKey(daemon: Daemon, random: Random): string {
  return `own/${daemon.name}/${random.below(6)}`;
}

/** One edit by a daemon that runs; its role may forbid it. */
export function editSomething(daemon: Daemon, random: Random, serial: number): void {
  const { replica } = daemon;
  if (replica === undefined) return;
  const kind = random.unit();
  if (kind < 0.4) {
    daemon.edit(random.pick(DRAFTS), (doc) => type(doc.getText('text'), random, `<${daemon.name}:${serial}>`));
  } else if (kind < 0.55) {
    writeOwnRecord(daemon, ownKey(daemon, random), serial);
  } else if (kind < 0.75) {
    daemon.edit(random.chance(0.7) ? 'debug' : 'probes', (doc) => changeRecords(doc, random, serial));
  } else if (kind < 0.85) {
    daemon.edit(`state/${replica.self}/cart`, (doc) => changeRecords(doc, random, serial));
  } else if (kind < 0.93) {
    daemon.writeRegister('notes', `chat/${random.below(3)}`, random.chance(0.9) ? `${daemon.name} ${serial}` : null);
  } else {
    daemon.writeRegister('host', `target/${random.below(3)}`, { serial, by: daemon.name });
  }
}

/** Gives one of the daemon's own records another value. */
export function writeOwnRecord(daemon: Daemon, key: string, serial: number): void {
  const pending = daemon.edit('debug', (doc) => doc.getMap(RECORDS).set(key, serial));
  if (pending !== undefined) daemon.ownWrites.push({ key, value: serial, pending });
}

function type(text: Y.Text, random: Random, token: string): void {
  if (text.length < 12 || random.chance(0.75)) text.insert(random.below(text.length + 1), token);
  else {
    const length = 1 + random.below(6);
    text.delete(random.below(text.length - length + 1), length);
  }
}

function changeRecords(doc: Y.Doc, random: Random, serial: number): void {
  const map = doc.getMap(RECORDS);
  const key = `k${random.below(4)}`;
  const value = map.get(key);
  const choice = random.unit();
  if (choice < 0.15) map.delete(key);
  else if (choice < 0.3) map.set(key, new Y.Map([['made', serial]]));
  else if (choice < 0.4) map.set(key, Y.Array.from([serial]));
  else if (choice < 0.5) map.set(key, new Y.Text(`t${serial}`));
  else if (value instanceof Y.Map) value.set(`f${random.below(2)}`, random.chance(0.3) ? new Y.Map() : serial);
  else if (value instanceof Y.Array) value.insert(random.below(value.length + 1), [serial]);
  else if (value instanceof Y.Text) type(value, random, `${serial},`);
  else map.set(key, serial);
}
