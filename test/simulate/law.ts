/**
 * The control logs read once more, by the simulator's own and simplest means: who might write what, and what counts. It
 * shares no code with what it judges.
 */

/** What was said about one member's role, and how much of what it had done by then goes on counting. */
interface Step {
  readonly log: number;
  readonly seq: number;
  /** The entry of the owner's log that it stands on. */
  readonly on: number;
  readonly role: string | null;
  readonly cuts: ReadonlyMap<string, number> | undefined;
}

interface Entry {
  readonly type: string;
  readonly log: number;
  readonly seq: number;
  readonly owner?: number;
  readonly member?: number;
  readonly role?: string;
  readonly frontier?: readonly (readonly [number, number, number])[];
  /** Delegates' logs that it ends, and where. */
  readonly logs?: readonly (readonly [number, number])[];
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
  /** Delegate → the last entry of its log that counts, once the owner has ended it. */
  readonly #ends = new Map<number, number>();
  /** Chain → the first slot that two acts claim. */
  readonly #forks = new Map<string, number>();
  #isFinal: (act: Act) => boolean = () => false;

  /** @param texts compact JWS texts of all logs, in any order */
  constructor(texts: readonly string[]) {
    const entries = texts.map(readEntry);
    const heads = new Map<number, number>();
    for (const { log, seq } of entries) heads.set(log, Math.max(heads.get(log) ?? 0, seq));
    this.length = heads.get(0) ?? 0;
    const delegates = [...heads].filter(([log]) => log !== 0).sort(([a], [b]) => a - b);
    this.position = [this.length, ...delegates.flat()];
    for (const entry of entries) this.#read(entry);
    for (const steps of this.#steps.values()) {
      steps.sort((a, b) => a.on - b.on || Number(a.log !== 0) - Number(b.log !== 0) || a.seq - b.seq);
    }
  }

  /** @param position how far of the logs is looked at; a number: of the owner's */
  roleAt(member: number, position: number | readonly number[]): string | null {
    const reached = typeof position === 'number' ? [position] : position;
    return lastRole((this.#steps.get(member) ?? []).filter((step) => step.seq <= seqIn(reached, step.log)));
  }

  isMember(member: number): boolean {
    return lastRole(this.#effective(member)) !== null;
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
    const steps = this.#effective(act.member);
    const known = (step: Step): boolean => step.seq <= seqIn(act.control, step.log);
    if (!permits(lastRole(steps.filter(known)), act.member, act.document)) return false;
    return steps.every((step, i) => {
      const narrows = step.role === null || RANKS.indexOf(step.role) < RANKS.indexOf(steps[i - 1]?.role ?? 'owner');
      if (step.cuts === undefined || known(step) || !narrows) return true;
      return act.seq <= (step.cuts.get(chain) ?? 0) || permits(step.role, act.member, act.document);
    });
  }

  /** Without what a delegate did beyond the end of its log. */
  #effective(member: number): Step[] {
    const counts = ({ log, seq }: Step): boolean => log === 0 || seq <= (this.#ends.get(log) ?? seq);
    return (this.#steps.get(member) ?? []).filter(counts);
  }

  #read(entry: Entry): void {
    for (const [log, seq] of entry.logs ?? []) this.#ends.set(log, seq);
    const { type, member = 1, role = type === 'genesis' ? 'owner' : null } = entry;
    if (!['genesis', 'grant', 'role', 'revoke'].includes(type)) return;
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

function readCuts({ frontier = [] }: Entry): Map<string, number> {
  return new Map(frontier.map(([owner, incarnation, seq]) => [`${owner}/${incarnation}`, seq]));
}

function readEntry(text: string): Entry {
  return JSON.parse(Buffer.from(text.split('.')[1] ?? '', 'base64url').toString());
}

function permits(role: string | null, member: number, document: string): boolean {
  const rank = RANKS.indexOf(role ?? '');
  if (document === 'debug' || document === 'probes') return rank >= 2;
  if (document === 'experiments' || document.startsWith('draft/')) return rank >= 3;
  const [kind, owner] = document.split('/');
  if (Number(owner) !== member) return false;
  return kind === 'notes' ? rank >= 1 : (kind === 'host' || kind === 'state') && rank >= 2;
}
