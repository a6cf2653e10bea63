/**
 * Chat lines: registers `chat/<n>.<incarnation>` in each member's notes, so nobody can write in another's name. The
 * incarnation keeps lines apart that a member wrote under one number: in a home restored from an old copy, for one.
 *
 * Clocks differ, and a line an hour off would stand in the wrong place for ever: a line says besides its time where it
 * belongs, which is after everything that its author had before it (a hybrid logical clock).
 */

import type { MemberId } from '#shared/ids.ts';
import { type ChatLine, chatLineSchema } from '#shared/model/member.ts';
import { wallClockSchema } from '#shared/model/schemas.ts';
import type { Change, Replica } from '../network/replication/replica-interface.ts';

/** Lines kept per member; each further one deletes the oldest. */
const CHAT_RING = 500;
const DEFAULT_LIMIT = 100;

/** A clock further ahead than this pulls nobody's lines along. */
const MAX_AHEAD_MS = 24 * 3600_000;

/** As it is stored; lines of before have no place of their own but their time. */
const storedLineSchema = chatLineSchema.extend({ place: wallClockSchema.optional() });

interface PlacedLine {
  readonly line: ChatLine;
  /** Milliseconds since the epoch, at least its author's clock. */
  readonly place: number;
}

/** Highest number given out per replica: a register shows only once its write is done, and two lines may cross. */
const numbered = new WeakMap<Replica, number>();
/** The latest place given out per replica, for the same reason. */
const placed = new WeakMap<Replica, number>();

export async function sendChat(replica: Replica, text: string): Promise<ChatLine> {
  const line: ChatLine = { member: replica.self, text, at: Date.now() };
  const place = placeAfter(replica, line.at);
  const own = replica.registers('notes', replica.self);
  const next = Math.max(-1, numbered.get(replica) ?? -1, ...[...own.keys()].map(chatNumber)) + 1;
  numbered.set(replica, next);
  await replica.writeRegister('notes', chatKey(next, replica), { ...line, ...(place === line.at ? {} : { place }) });
  const kept = [...own.keys()].filter(isChatKey).sort(byNumber);
  for (const key of kept.slice(0, -CHAT_RING)) await replica.writeRegister('notes', key, null);
  return line;
}

/** Oldest first: a line after those its author had seen, and by the writers' clocks where neither knew of the other. */
export function listChat(replica: Replica, limit = DEFAULT_LIMIT): ChatLine[] {
  const lines = [...replica.control.members.keys()].flatMap((member) => linesOf(replica, member));
  return lines
    .sort((a, b) => a.place - b.place)
    .slice(-limit)
    .map(({ line }) => line);
}

/** Of one member, by their numbers. */
function linesOf(replica: Replica, member: MemberId): PlacedLine[] {
  // A modified daemon may keep more than its ring: nobody else reads it.
  const own = [...replica.registers('notes', member)].filter(([key]) => isChatKey(key));
  const latest = own.sort(([a], [b]) => byNumber(a, b)).slice(-CHAT_RING);
  return latest.flatMap(([, value]) => parsePlacedLine(member, value) ?? []);
}

/** @param at own clock */
function placeAfter(replica: Replica, at: number): number {
  let place = Math.max(at, (placed.get(replica) ?? 0) + 1);
  for (const member of replica.control.members.keys()) {
    const limit = member === replica.self ? Number.POSITIVE_INFINITY : at + MAX_AHEAD_MS;
    for (const line of linesOf(replica, member)) if (line.place < limit) place = Math.max(place, line.place + 1);
  }
  placed.set(replica, place);
  return place;
}

/** @returns undefined for anything that is no chat line of that member */
export function parseChatLine(member: number, value: unknown): ChatLine | undefined {
  return parsePlacedLine(member, value)?.line;
}

function parsePlacedLine(member: number, value: unknown): PlacedLine | undefined {
  const parsed = storedLineSchema.safeParse(value);
  if (!parsed.success || parsed.data.member !== member) return undefined;
  const { place, ...line } = parsed.data;
  return { line, place: Math.max(line.at, place ?? 0) };
}

export function isChatKey(key: string): boolean {
  return chatNumber(key) >= 0;
}

function chatKey(n: number, replica: Replica): string {
  return `chat/${n}.${(replica.clientId % 2 ** 32).toString(36)}`;
}

/** The same everywhere: lines of one number by their text. */
function byNumber(a: string, b: string): number {
  return chatNumber(a) - chatNumber(b) || (a < b ? -1 : 1);
}

/** @returns -1 for a key that is not a chat line's */
function chatNumber(key: string): number {
  const match = /^chat\/(\d{1,9})\.[0-9a-z]{1,7}$/.exec(key);
  return match === null ? -1 : Number(match[1]);
}

/** Lines that a change of somebody's notes brought. */
export function chatLinesOf({ document, author, keys = [] }: Change, replica: Pick<Replica, 'registers'>): ChatLine[] {
  if (document !== `notes/${author}`) return [];
  const notes = replica.registers('notes', author);
  return keys.filter(isChatKey).flatMap((key) => parseChatLine(author, notes.get(key)) ?? []);
}
