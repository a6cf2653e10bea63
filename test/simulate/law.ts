/**
 * The control log read once more, by the simulator's own and simplest means: who might write what, and what counts. It
 * shares no code with what it judges.
 */

interface Narrowing {
  readonly seq: number;
  readonly role: string | null;
  readonly cuts: ReadonlyMap<string, number>;
}

interface Entry {
  readonly type: string;
  readonly seq: number;
  readonly member?: number;
  readonly role?: string;
  readonly frontier?: readonly (readonly [number, number, number])[];
}

/** What the law must know of an envelope. */
export interface Act {
  readonly member: number;
  readonly incarnation: number;
  readonly seq: number;
  readonly control: readonly number[];
  readonly document: string;
}

const RANKS = ['viewer', 'commenter', 'debugger', 'editor', 'owner'];

export class Law {
  readonly length: number;
  readonly #roles = new Map<number, { readonly seq: number; readonly role: string | null }[]>();
  readonly #narrowings = new Map<number, Narrowing[]>();
  /** Chain → the first slot that two acts claim. */
  readonly #forks = new Map<string, number>();

  /** @param entries compact JWS texts, genesis first */
  constructor(entries: readonly string[]) {
    this.length = entries.length;
    for (const text of entries) this.#read(readEntry(text));
  }

  roleAt(member: number, seq: number): string | null {
    return this.#roles.get(member)?.findLast((step) => step.seq <= seq)?.role ?? null;
  }

  isMember(member: number): boolean {
    return this.roleAt(member, this.length) !== null;
  }

  /** Whether the role was ever taken down, or away. */
  wasNarrowed(member: number): boolean {
    return this.#narrowings.has(member);
  }

  mayWriteAt(member: number, seq: number, document: string): boolean {
    return permits(this.roleAt(member, seq), member, document);
  }

  /** What was done, as far as everybody knows it: whoever did two things in one place ends that chain there. */
  observe(acts: readonly Act[]): void {
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
    if (act.seq >= (this.#forks.get(`${act.member}/${act.incarnation}`) ?? Number.POSITIVE_INFINITY)) return false;
    return (this.#narrowings.get(act.member) ?? []).every(
      ({ seq, role, cuts }) =>
        seq <= (act.control[0] as number) ||
        act.seq <= (cuts.get(`${act.member}/${act.incarnation}`) ?? 0) ||
        permits(role, act.member, act.document),
    );
  }

  #read(entry: Entry): void {
    switch (entry.type) {
      case 'genesis':
        this.#step(1, entry.seq, 'owner');
        break;
      case 'grant':
        this.#step(entry.member as number, entry.seq, entry.role as string);
        break;
      case 'role':
      case 'revoke':
        this.#change(entry);
        break;
      default:
    }
  }

  #change(entry: Entry): void {
    const member = entry.member as number;
    const role = entry.role ?? null;
    const before = this.roleAt(member, entry.seq);
    this.#step(member, entry.seq, role);
    if (role !== null && RANKS.indexOf(role) >= RANKS.indexOf(before ?? '')) return;
    const cuts = readCuts(entry);
    this.#narrowings.set(member, [...(this.#narrowings.get(member) ?? []), { seq: entry.seq, role, cuts }]);
  }

  #step(member: number, seq: number, role: string | null): void {
    this.#roles.set(member, [...(this.#roles.get(member) ?? []), { seq, role }]);
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

/** Whose rights an entry takes, and chain → the seq up to which its acts go on counting; empty for other entries. */
export function readFrontier(text: string): { member: number; cuts: ReadonlyMap<string, number> }[] {
  const entry = readEntry(text);
  return entry.type === 'role' || entry.type === 'revoke'
    ? [{ member: entry.member as number, cuts: readCuts(entry) }]
    : [];
}

function readCuts({ frontier = [] }: Entry): Map<string, number> {
  return new Map(frontier.map(([owner, incarnation, seq]) => [`${owner}/${incarnation}`, seq]));
}

function readEntry(text: string): Entry {
  return JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
}
