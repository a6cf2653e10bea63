/** Members as people see them: control log, who is connected, and what each looks at. */

import type { MemberId } from '#shared/ids.ts';
import type { Member, Presence } from '#shared/model/member.ts';
import type { MemberRecord, Replica } from '../network/replication/replica-interface.ts';
import { identify } from '../security/member-identity.ts';

/** Presence is dropped this long after its member went quiet or away. */
const PRESENCE_LIFETIME_MS = 10 * 60_000;
/** Golden angle: neighbours in number are far apart in hue. */
const HUE_STEP = 137.508;

interface Said {
  readonly presence: Presence;
  readonly at: number;
}

/** Latest presence and last time heard of each member; nothing is stored. */
export class PresenceTable {
  readonly #entries = new Map<MemberId, Said>();
  readonly #lastSeen = new Map<MemberId, number>();
  /** By client of this daemon, who spoke last last. */
  readonly #byClient = new Map<string, Said>();

  set(presence: Presence): void {
    this.#entries.set(presence.member, { presence, at: Date.now() });
    this.seen(presence.member);
  }

  /** As one of this member's own clients says. */
  setBy(session: string, presence: Presence): void {
    this.#byClient.delete(session);
    this.#byClient.set(session, { presence, at: Date.now() });
    this.set(presence);
  }

  /**
   * A client has gone: its person looks where another of theirs does, or nowhere.
   *
   * @returns whether that is a change
   */
  leave(session: string): boolean {
    const said = this.#byClient.get(session);
    const wasLast = [...this.#byClient.keys()].at(-1) === session;
    this.#byClient.delete(session);
    if (said === undefined || !wasLast) return false;
    const { member } = said.presence;
    const other = [...this.#byClient.values()].at(-1);
    const pages = this.get(member)?.pages;
    const place = other !== undefined && isRecent(other) ? other.presence : { member };
    this.set({ ...place, ...(pages === undefined ? {} : { pages }) });
    return true;
  }

  seen(member: MemberId): void {
    this.#lastSeen.set(member, Date.now());
  }

  drop(member: MemberId): void {
    this.#entries.delete(member);
    this.seen(member);
  }

  get(member: MemberId): Presence | undefined {
    const entry = this.#entries.get(member);
    return entry !== undefined && isRecent(entry) ? entry.presence : undefined;
  }

  lastSeenAt(member: MemberId): number | undefined {
    return this.#lastSeen.get(member);
  }
}

function isRecent({ at }: Said): boolean {
  return Date.now() - at < PRESENCE_LIFETIME_MS;
}

export function viewMember(replica: Replica, presence: PresenceTable, record: MemberRecord): Member {
  const self = record.id === replica.self;
  const { fingerprint, warning } = identify(replica.control, record.id);
  const current = presence.get(record.id);
  const lastSeenAt = presence.lastSeenAt(record.id);
  return {
    id: record.id,
    name: record.name,
    role: record.role,
    fingerprint,
    color: colorOf(record.id),
    online: self || replica.connected().includes(record.id),
    self,
    removed: record.removed,
    ...(current === undefined ? {} : { presence: current }),
    ...(lastSeenAt === undefined ? {} : { lastSeenAt }),
    ...(warning === undefined ? {} : { warning }),
  };
}

export function viewMembers(replica: Replica, presence: PresenceTable): Member[] {
  return [...replica.control.members.values()].map((record) => viewMember(replica, presence, record));
}

/** The same colour for a member at every peer, readable on light and dark ground; CSS hex. */
export function colorOf(member: MemberId): string {
  const hue = (member * HUE_STEP) % 360;
  return hslToHex(hue, 0.65, 0.55);
}

function hslToHex(hue: number, saturation: number, lightness: number): string {
  const amplitude = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number): string => {
    const k = (n + hue / 30) % 12;
    const value = lightness - amplitude * Math.max(-1, Math.min(k - 3, 9 - k, 1));
    return Math.round(value * 255)
      .toString(16)
      .padStart(2, '0');
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}
