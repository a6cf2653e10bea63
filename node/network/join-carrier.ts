/**
 * Carries joiners' requests to whoever decides about them, for a member that does not decide itself: tells the joiner
 * for whom it waits, takes its sealed request, hands it over once that member is connected, and sees by the control log
 * that the joiner was admitted. A request is carried on after its joiner has left.
 */

import type { JoinWaiting } from '#protocol/join-messages.ts';
import { toHex } from '#shared/bytes.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId, SandboxId } from '#shared/ids.ts';
import { NEW_LINK, type Proven, whyClosed, withSignal } from './join-desk.ts';
import type { MemberRecord, Replica } from './replication/replica-interface.ts';
import type { Timers } from './timers.ts';

const MAX_CARRIED = 32;
/** A link's usual life. */
const CARRY_MS = 24 * 3600_000;
/** After a call that was lost on the way. */
const RETRY_MS = 5000;

export interface JoinCarrierOptions {
  readonly timers: Timers;
  readonly connected: (sandbox: SandboxId) => readonly MemberId[];
  /** Hands a box to a connected member; resolves when it has decided. */
  readonly call: (sandbox: SandboxId, member: MemberId, box: string, signal: AbortSignal) => Promise<unknown>;
}

/** The stream to a joiner. */
export interface JoinerTalk {
  waiting(news: JoinWaiting): void;
}

export class JoinCarrier {
  readonly #options: JoinCarrierOptions;
  readonly #carried = new Map<string, CarriedRequest>();

  constructor(options: JoinCarrierOptions) {
    this.#options = options;
  }

  /**
   * Waits for somebody else's decision about a joiner.
   *
   * @throws {SandboxError} the decision's error; PEER_UNREACHABLE when nobody can be asked this way; LIMIT_EXCEEDED;
   * `signal.reason`, and then the request is carried on
   */
  async wait(proven: Proven, talk: JoinerTalk, signal: AbortSignal): Promise<MemberId> {
    const request = this.#requestOf(proven);
    request.talk(talk);
    try {
      return await withSignal(request.outcome, signal);
    } finally {
      request.hangUp(talk);
    }
  }

  /** The joiner sealed its request for the member with this device key. */
  take(proven: Proven, key: string, box: string): void {
    this.#carried.get(nameOf(proven))?.take(key, box);
  }

  close(sandbox: SandboxId): void {
    for (const request of this.#carried.values()) if (request.sandbox === sandbox) request.cancel();
  }

  #requestOf(proven: Proven): CarriedRequest {
    const name = nameOf(proven);
    const known = this.#carried.get(name);
    if (known !== undefined) return known;
    if (this.#carried.size >= MAX_CARRIED) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot join: ${MAX_CARRIED} others wait here for an answer`);
    }
    const request = new CarriedRequest(proven, this.#options);
    this.#carried.set(name, request);
    // Whoever waits hears of it; nobody may.
    request.outcome.catch(() => undefined).finally(() => this.#carried.delete(name));
    request.step();
    return request;
  }
}

class CarriedRequest {
  readonly sandbox: SandboxId;
  readonly outcome: Promise<MemberId>;
  readonly #proven: Proven;
  readonly #options: JoinCarrierOptions;
  /** By the device key they are sealed for. */
  readonly #boxes = new Map<string, string>();
  /** Those who said that it is not for them to decide. */
  readonly #others = new Set<MemberId>();
  readonly #end = new AbortController();
  #talk: JoinerTalk | undefined;
  #told = '';
  #calling = false;
  #settle: (end: MemberId | SandboxError) => void = () => undefined;

  constructor(proven: Proven, options: JoinCarrierOptions) {
    this.sandbox = proven.sandbox;
    this.#proven = proven;
    this.#options = options;
    const { events } = proven.door.replica;
    const off = [events.on('control', () => this.step()), events.on('peer', () => this.step())];
    const expired = new SandboxError('CANCELLED', 'Cannot join: nobody decided about the request', { hint: NEW_LINK });
    off.push(options.timers.after(CARRY_MS, () => this.#settle(expired)));
    this.outcome = new Promise((resolve, reject) => {
      this.#settle = (end) => {
        for (const stop of off.splice(0)) stop();
        this.#end.abort(new SandboxError('CANCELLED', 'The request was settled'));
        if (end instanceof SandboxError) reject(end);
        else resolve(end);
      };
    });
  }

  talk(talk: JoinerTalk): void {
    this.#talk = talk;
    this.#told = '';
    this.step();
  }

  hangUp(talk: JoinerTalk): void {
    if (this.#talk === talk) this.#talk = undefined;
  }

  take(key: string, box: string): void {
    if (this.#boxes.size < 8 || this.#boxes.has(key)) this.#boxes.set(key, box);
    this.step();
  }

  cancel(): void {
    this.#settle(new SandboxError('PEER_UNREACHABLE', 'Cannot join: the member asked has gone'));
  }

  /** Looks at where things stand: something may have changed. */
  step(): void {
    const { door, invite, joinerKey } = this.#proven;
    const { control } = door.replica;
    const known = control.memberByKey(joinerKey);
    if (known !== undefined && !known.removed) return this.#settle(known.id);
    const closed = whyClosed(control.invites.get(invite.publicKey) ?? invite);
    if (closed !== undefined) return this.#settle(closed);
    const admitter = this.#admitter();
    if (admitter === undefined || invite.addresses.length > 0) return this.#settle(unreachable(admitter?.name));
    const away = !this.#options.connected(this.sandbox).includes(admitter.id);
    const key = toHex(admitter.deviceKey);
    this.#tell({ admitter: admitter.name, key, ...(away ? { away } : {}) });
    const box = this.#boxes.get(key);
    if (box !== undefined && !away && !this.#calling) void this.#hand(admitter.id, box);
  }

  /** Whoever has the say under the invite, as far as the control log tells: one who is connected first. */
  #admitter(): MemberRecord | undefined {
    const { replica } = this.#proven.door;
    const connected = this.#options.connected(this.sandbox);
    const possible = possibleAdmitters(replica, this.#proven.invite.admitter).filter(({ id }) => !this.#others.has(id));
    return possible.find(({ id }) => connected.includes(id)) ?? possible[0];
  }

  #tell(news: JoinWaiting): void {
    const text = JSON.stringify(news);
    if (this.#talk === undefined || this.#told === text) return;
    this.#told = text;
    this.#talk.waiting(news);
  }

  async #hand(member: MemberId, box: string): Promise<void> {
    this.#calling = true;
    try {
      // The grant itself comes with the control log, and is believed only from there.
      await this.#options.call(this.sandbox, member, box, this.#end.signal);
    } catch (thrown) {
      if (this.#end.signal.aborted) return;
      const error = SandboxError.from(thrown);
      this.#calling = false;
      if (error.code === 'FORBIDDEN') this.#others.add(member);
      else if (!PASSING.has(error.code)) return this.#settle(error);
      // When it is back it is asked again, at once by its event or a little later.
      this.#options.timers.after(RETRY_MS, () => {
        if (!this.#end.signal.aborted) this.step();
      });
    }
  }
}

/** Failures of the way to the admitter, not of the request. */
const PASSING = new Set(['PEER_UNREACHABLE', 'TIMEOUT', 'CANCELLED', 'LIMIT_EXCEEDED', 'SANDBOX_UNKNOWN', 'INTERNAL']);

/** The control log does not say on which device the owner's key lies: whoever has the owner's role may hold it. */
function possibleAdmitters(replica: Replica, admitter: number): MemberRecord[] {
  const members = [...replica.control.members.values()].filter(({ id, removed }) => !removed && id !== replica.self);
  return members.filter(({ id, role }) => (admitter === 0 ? role === 'owner' : id === admitter));
}

function nameOf({ sandbox, invite, joinerKey }: Proven): string {
  return `${sandbox} ${invite.publicKey} ${toHex(joinerKey)}`;
}

function unreachable(name: string | undefined): SandboxError {
  const whom = name === undefined ? 'whoever decides about this link' : name;
  return new SandboxError('PEER_UNREACHABLE', `Cannot join this way: ${whom} has to be reached directly`, {
    hint: 'Try again when that machine is on, and on the same network.',
  });
}
