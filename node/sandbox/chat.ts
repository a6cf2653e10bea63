/**
 * Chat lines: registers `chat/<n>.<incarnation>` in each member's notes, so nobody can write in another's name. The
 * incarnation keeps lines apart that a member wrote under one number: in a home restored from an old copy, for one.
 */

import { type ChatLine, chatLineSchema } from '#shared/model/member.ts';
import type { Change, Replica } from '../network/replication/replica-interface.ts';

/** Lines kept per member; each further one deletes the oldest. */
const CHAT_RING = 500;
const DEFAULT_LIMIT = 100;

/** Highest number given out per replica: a register shows only once its write is done, and two lines may cross. */
const numbered = new WeakMap<Replica, number>();

export async function sendChat(replica: Replica, text: string): Promise<ChatLine> {
  const line: ChatLine = { member: replica.self, text, at: Date.now() };
  const own = replica.registers('notes', replica.self);
  const next = Math.max(-1, numbered.get(replica) ?? -1, ...[...own.keys()].map(chatNumber)) + 1;
  numbered.set(replica, next);
  await replica.writeRegister('notes', chatKey(next, replica), line);
  const kept = [...own.keys()].filter(isChatKey).sort(byNumber);
  for (const key of kept.slice(0, -CHAT_RING)) await replica.writeRegister('notes', key, null);
  return line;
}

/** Oldest first by the writers' own clocks: for people to read, nothing is decided by it. */
export function listChat(replica: Replica, limit = DEFAULT_LIMIT): ChatLine[] {
  const lines: ChatLine[] = [];
  for (const member of replica.control.members.keys()) {
    // A modified daemon may keep more than its ring: nobody else reads it.
    const own = [...replica.registers('notes', member)].filter(([key]) => isChatKey(key));
    const latest = own.sort(([a], [b]) => byNumber(a, b)).slice(-CHAT_RING);
    for (const [, value] of latest) {
      const line = parseChatLine(member, value);
      if (line !== undefined) lines.push(line);
    }
  }
  return lines.sort((a, b) => a.at - b.at).slice(-limit);
}

/** @returns undefined for anything that is no chat line of that member */
export function parseChatLine(member: number, value: unknown): ChatLine | undefined {
  const parsed = chatLineSchema.safeParse(value);
  return parsed.success && parsed.data.member === member ? parsed.data : undefined;
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
