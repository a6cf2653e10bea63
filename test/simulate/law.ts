/**
 * The control logs read once more, by the simulator's own and simplest means: who might write what, and what counts. It
 * shares no code with what it judges.
 */

import { createHash } from 'node:crypto';

/** What was said about one member's role, and how much of what it had done by then goes on counting. */
interface Step {
  readonly log: number;
  readonly seq: number;
  /** The entry of the owner's log that it stands on. */
  readonly on: number;
  readonly role: string | null;
  readonly cuts: ReadonlyMap<string, number> | undefined;
}

export interface Entry {
  readonly type: string;
  readonly log: number;
  readonly seq: number;
  readonly owner?: number;
  readonly member?: number;
  /** Device key that a grant admits, hex. */
  readonly key?: string;
  /** The owner's device, in the genesis. */
  readonly device?: { readonly key: string };
  readonly role?: string;
  readonly frontier?: readonly (readonly [number, number, number])[];
  /** Member numbers a delegate may give. */
  readonly from?: number;
  readonly to?: number;
  /** Delegates' logs that it ends, and where. */
  readonly logs?: readonly (readonly [number, number])[];
  /** Heads that a checkpoint includes. */
  readonly heads?: readonly (readonly [number, number, number])[];
  /** How far of the delegates' logs a checkpoint has seen. */
  readonly delegates?: readonly (readonly [number, number])[];
  readonly previous: string;
  /** What the next one's `previous` quotes. */
  readonly hash: string;
}

/** What a checkpoint makes final. */
interface Final {
  readonly heads: ReadonlyMap<string, number>;
  readonly position: readonly number[];
}

/** What the law must know of an envelope. */
export interface Act {
  readonly member: number;
  readonly incarnation: number;
  readonly seq: number;
  /** The owner's seq, then pairs of delegate and seq. */
  readonly control: readonly number[];
  readonly document: string;
}

const RANKS = ['viewer', 'commenter', 'debugger', 'editor', 'owner'];

export class Law {
  /** Entries of the owner's log. */
  readonly length: number;
  /** The heads of all logs. */
  readonly position: readonly number[];
  readonly #steps = new Map<number, Step[]>();
  /** Delegate → the last entry of its log that counts, once the owner has ended it, and which entry says so. */
  readonly #ends = new Map<number, { readonly cut: number; readonly seq: number }>();
  readonly #finals: Final[] = [];
  /** Of everybody ever admitted by what counts. */
  readonly #keys = new Map<number, string>();
  /** Of the owner's log: where other entries stand beside those that count. */
  readonly #contestedSlots: ReadonlySet<number>;
  /** Highest seq of the owner's log among entries that do not count. */
  readonly #astray: number;
  /** Whether somebody signed two entries for one slot, settled or not. */
  readonly contested: boolean;
  /** Chain → the first slot that two acts claim. */
  readonly #forks = new Map<string, number>();
  #isFinal: (act: Act) => boolean = () => false;

  /** @param texts compact JWS texts of all logs, in any order */
  constructor(texts: readonly string[]) {
    const entries = texts.map(readEntry);
    this.contested = new Set(entries.map(({ log, previous }) => `${log} ${previous}`)).size < entries.length;
    const owner = ownerPath(entries);
    const beside = entries.filter(({ log, previous, hash }) =>
      owner.some((entry) => log === 0 && entry.previous === previous && entry.hash !== hash),
    );
    this.#contestedSlots = new Set(beside.map(({ seq }) => seq));
    this.#astray = Math.max(0, ...entries.filter((one) => one.log === 0 && !owner.includes(one)).map(({ seq }) => seq));
    const logs = [...new Set(entries.map(({ log }) => log))].filter((log) => log !== 0).sort((a, b) => a - b);
    const delegates = logs.map((log) => delegatePath(entries, owner, log)).filter((path) => path.length > 0);
    this.length = owner.length;
    this.position = [this.length, ...delegates.flatMap((path) => [path[0]?.log ?? 0, path.length])];
    for (const entry of [owner, ...delegates].flat()) this.#read(entry);
    for (const steps of this.#steps.values()) {
      steps.sort((a, b) => a.on - b.on || Number(a.log !== 0) - Number(b.log !== 0) || a.seq - b.seq);
    }
  }

  /** @param position how far of the logs is looked at; a number: of the owner's */
  roleAt(member: number, position: number | readonly number[]): string | null {
    const reached = typeof position === 'number' ? [position] : position;
    return lastRole((this.#steps.get(member) ?? []).filter((step) => step.seq <= seqIn(reached, step.log)));
  }

  /** Whether whoever has this device key, in hex, goes by that number on a branch that was not chosen only. */
  disowns(member: number, key: string): boolean {
    return this.#keys.get(member) !== key;
  }

  isMember(member: number): boolean {
    return lastRole(this.#effective(member)) !== null;
  }

  /** Everybody ever admitted, with the role of those who are members now. */
  roll(): Map<number, string | null> {
    return new Map([...this.#steps.keys()].map((member) => [member, lastRole(this.#effective(member))]));
  }

  /** Whether the role was ever taken down, or away. */
  wasNarrowed(member: number): boolean {
    const steps = this.#steps.get(member) ?? [];
    return steps.length !== this.#effective(member).length || steps.some((step) => step.cuts !== undefined);
  }

  mayWriteAt(member: number, position: number | readonly number[], document: string): boolean {
    return permits(this.roleAt(member, position), member, document);
  }

  /**
   * Whether it may have known no better: it may have seen another branch of the owner's log than the one that counts, or
   * stand on somebody who had; then its position does not tell how far of the one that counts it had seen.
   */
  mightWriteAt(member: number, position: readonly number[], document: string): boolean {
    const [reached = 0, ...delegates] = position;
    const slots = [...this.#contestedSlots].filter((seq) => seq <= reached);
    const seen = [reached, ...slots.map((seq) => seq - 1)];
    if (reached <= this.#astray) for (let seq = Math.min(...slots); seq < reached; seq++) seen.push(seq);
    return seen.some((seq) => {
      const at = [seq, ...delegates];
      return this.mayWriteAt(member, at, document) || permits(this.#roleGivenBack(member, at), member, document);
    });
  }

  /**
   * What was done, as far as everybody knows it: whoever did two things in one place ends that chain there.
   *
   * @param isFinal whether a checkpoint of the owner included it while nobody had told of a second one in its place
   */
  observe(acts: readonly Act[], isFinal: (act: Act) => boolean): void {
    this.#isFinal = isFinal;
    const slots = new Set<string>();
    for (const { member, incarnation, seq } of acts) {
      const chain = `${member}/${incarnation}`;
      const slot = `${chain}:${seq}`;
      if (slots.has(slot)) this.#forks.set(chain, Math.min(this.#forks.get(chain) ?? seq, seq));
      slots.add(slot);
    }
  }

  /** Whether an act that was permitted when it says it was done has its effect still. */
  counts(act: Act): boolean {
    const chain = `${act.member}/${act.incarnation}`;
    if (act.seq >= (this.#forks.get(chain) ?? Number.POSITIVE_INFINITY) && !this.#isFinal(act)) return false;
    const final = this.#finals.find(({ heads }) => act.seq <= (heads.get(chain) ?? 0))?.position;
    const steps = this.#effective(act.member, final);
    const known = (step: Step): boolean => step.seq <= seqIn(act.control, step.log);
    const narrows = ({ role }: Step, i: number): boolean =>
      role === null || RANKS.indexOf(role) < RANKS.indexOf(steps[i - 1]?.role ?? 'owner');
    // What was done before in the eyes of who says so was done before, though its position be that of another branch.
    const keeps = ({ cuts }: Step): boolean => act.seq <= (cuts?.get(chain) ?? 0);
    const told = steps.filter((step, i) => known(step) && !(narrows(step, i) && keeps(step)));
    if (!permits(lastRole(told), act.member, act.document)) return false;
    return steps.every((step, i) => {
      if (step.cuts === undefined || known(step) || !narrows(step, i)) return true;
      return keeps(step) || permits(step.role, act.member, act.document);
    });
  }

  /** Its role without what delegates did beyond ends that the position knows of: what they took there is given back. */
  #roleGivenBack(member: number, position: readonly number[]): string | null {
    const isTaken = ({ log, seq }: Step): boolean => {
      const end = this.#ends.get(log);
      return end !== undefined && seq > end.cut && end.seq <= seqIn(position, 0);
    };
    const steps = this.#steps.get(member) ?? [];
    return lastRole(steps.filter((step) => step.seq <= seqIn(position, step.log) && !isTaken(step)));
  }

  /** Without what a delegate did beyond the end of its log. @param until how far of the logs is looked at */
  #effective(member: number, until?: readonly number[]): Step[] {
    const counts = ({ log, seq }: Step): boolean => {
      if (until !== undefined && seq > seqIn(until, log)) return false;
      const end = this.#ends.get(log);
      return end === undefined || (until !== undefined && end.seq > seqIn(until, 0)) || seq <= end.cut;
    };
    return (this.#steps.get(member) ?? []).filter(counts);
  }

  #read(entry: Entry): void {
    for (const [log, cut] of entry.logs ?? []) this.#ends.set(log, { cut, seq: entry.seq });
    // Whoever is in a checkpoint of the owner is judged as it was judged then.
    if (entry.type === 'checkpoint' && entry.log === 0) {
      const position = [entry.seq - 1, ...(entry.delegates ?? []).flat()];
      this.#finals.push({ heads: headsOf(entry.heads), position });
    }
    const { type, member = 1, role = type === 'genesis' ? 'owner' : null } = entry;
    if (!['genesis', 'grant', 'role', 'revoke'].includes(type)) return;
    const key = entry.device?.key ?? entry.key;
    if (key !== undefined) this.#keys.set(member, key);
    const cuts = type === 'role' || type === 'revoke' ? readCuts(entry) : undefined;
    const step = { log: entry.log, seq: entry.seq, on: entry.owner ?? entry.seq, role, cuts };
    this.#steps.set(member, [...(this.#steps.get(member) ?? []), step]);
  }
}

/** Whose rights an entry takes, and chain → the seq up to which its acts go on counting; empty for other entries. */
export function readFrontier(text: string): { member: number; cuts: ReadonlyMap<string, number> }[] {
  const entry = readEntry(text);
  return entry.type === 'role' || entry.type === 'revoke'
    ? [{ member: entry.member as number, cuts: readCuts(entry) }]
    : [];
}

/** Whose log an entry belongs to, and where in it. */
export function placeOf(text: string): { readonly log: number; readonly seq: number; readonly on: number } {
  const { log, seq, owner = seq } = readEntry(text);
  return { log, seq, on: owner };
}

/** The last word; a removal is for good. */
function lastRole(steps: readonly Step[]): string | null {
  return steps.some(({ role }) => role === null) ? null : (steps.at(-1)?.role ?? null);
}

function seqIn(position: readonly number[], log: number): number {
  if (log === 0) return position[0] ?? 0;
  for (let i = 1; i < position.length; i += 2) if (position[i] === log) return position[i + 1] as number;
  return 0;
}

function readCuts({ frontier }: Entry): Map<string, number> {
  return headsOf(frontier);
}

function headsOf(heads: readonly (readonly [number, number, number])[] = []): Map<string, number> {
  return new Map(heads.map(([owner, incarnation, seq]) => [`${owner}/${incarnation}`, seq]));
}

/** What an entry says, and its hash. */
export function readEntry(text: string): Entry {
  const hash = createHash('sha256').update(text).digest('base64url');
  return { ...JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString()), hash };
}

/** Up to the first slot that two entries claim, unless the recovery key has spoken for just one of them. */
function ownerPath(entries: readonly Entry[]): Entry[] {
  const own = entries.filter(({ log }) => log === 0);
  const named = new Set<Entry>();
  for (const rotation of own.filter(({ type }) => type === 'rotate')) {
    named.add(rotation);
    let at = own.find(({ hash }) => hash === rotation.previous);
    for (; at !== undefined && at.type !== 'rotate'; at = own.find(({ hash }) => hash === at?.previous)) named.add(at);
  }
  return follow(own, (claims) => {
    const spoken = claims.filter((entry) => named.has(entry));
    return claims.length === 1 ? claims[0] : spoken.length === 1 ? spoken[0] : undefined;
  });
}

/** Up to the first slot that two entries claim, and to the first that stands on what the owner's log does not say. */
function delegatePath(entries: readonly Entry[], owner: readonly Entry[], log: number): Entry[] {
  const made = owner.find((entry) => entry.type === 'delegate' && entry.member === log);
  if (made === undefined) return [];
  const { seq: since, from = 0, to = 0 } = made;
  const end = owner.find(({ logs = [] }) => logs.some(([ended]) => ended === log))?.seq ?? Number.POSITIVE_INFINITY;
  const stands = ({ type, member = 0, role, owner: on = 0 }: Entry): boolean =>
    on >= since &&
    on < end &&
    on <= owner.length &&
    (role === undefined || RANKS.indexOf(role) <= RANKS.indexOf(made.role ?? '')) &&
    (type !== 'grant' || (member >= from && member <= to));
  return follow(
    entries.filter((entry) => entry.log === log),
    (claims) => {
      const standing = claims.filter(stands);
      return standing.length === 1 ? standing[0] : undefined;
    },
  );
}

function follow(entries: readonly Entry[], choose: (claims: readonly Entry[]) => Entry | undefined): Entry[] {
  const path: Entry[] = [];
  for (let previous = ''; ; ) {
    const claims = entries.filter((entry) => entry.previous === previous);
    const next = claims.length === 0 ? undefined : choose(claims);
    if (next === undefined) return path;
    path.push(next);
    previous = next.hash;
  }
}

function permits(role: string | null, member: number, document: string): boolean {
  const rank = RANKS.indexOf(role ?? '');
  if (document === 'debug' || document === 'probes') return rank >= 2;
  if (document === 'experiments' || document.startsWith('draft/')) return rank >= 3;
  const [kind, owner] = document.split('/');
  if (Number(owner) !== member) return false;
  return kind === 'notes' ? rank >= 1 : (kind === 'host' || kind === 'state') && rank >= 2;
}
