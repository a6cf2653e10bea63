/**
 * How one link becomes level: both sides greet a key that their control logs know as an active member, and exchange entries until
 * nothing the peer has is missing here. From then on it keeps the logs level, and dismisses a member that is removed.
 */

import type { LogTips } from '#protocol/control-log.ts';
import { OWNER_LOG } from '#protocol/control-position.ts';
import type { ControlPosition } from '#protocol/envelope.ts';
import type { ReplicationMessage } from '#protocol/replication-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { ControlExchange } from '../control/control-exchange.ts';
import type { ReplicaEnvironment } from '../environment.ts';
import type { SyncHost } from './sync-host.ts';

/** A link that is not level by then is dropped. */
const OPENING_LIMIT_MS = 10_000;
/** Between telling a removed member so and closing its link. */
const GOODBYE_MS = 200;

/** What levels control logs: taken of anybody, at any time. */
export type OpeningMessage = Extract<ReplicationMessage, { type: 'hello' | 'needControl' | 'control' }>;

export interface OpeningParts {
  readonly host: Pick<SyncHost, 'sandbox' | 'controlLog' | 'keepsControl' | 'receiveControl'> & {
    readonly environment: Pick<ReplicaEnvironment, 'after'>;
  };
  /** Device key that the link has proven. */
  readonly peerKey: Uint8Array;
  send(message: OpeningMessage): void;
  /** Heads and envelopes may flow. */
  onLevel(): void;
  /** The peer's member was removed, and it was told so: nothing more is exchanged, {@link close} follows in a moment. */
  onDismissed(): void;
  /** The link is of no use: drop it. */
  close(reason: string): void;
}

export class Opening {
  readonly #parts: OpeningParts;
  readonly #exchange: ControlExchange;
  #cancelLimit: () => void;
  #saidHello = false;
  #peerSaidHello = false;
  #level = false;
  #member: MemberId | undefined;
  #dismissed = false;
  #stopped = false;

  constructor(parts: OpeningParts) {
    this.#parts = parts;
    this.#exchange = new ControlExchange(parts.host.controlLog, (entries) => {
      if (parts.host.keepsControl()) parts.send({ type: 'control', entries });
      else parts.close('this side cannot write down what it would tell');
    });
    this.#cancelLimit = parts.host.environment.after(OPENING_LIMIT_MS, () => {
      if (!this.#level) parts.close('it did not become a level member in time');
    });
  }

  /** The peer's member, once level. */
  get member(): MemberId | undefined {
    return this.#level ? this.#member : undefined;
  }
  get isLevel(): boolean {
    return this.#level;
  }
  get isDismissed(): boolean {
    return this.#dismissed;
  }

  start(): void {
    this.#greet();
  }

  /** The link is closed. What was received before may still be taken: of a removal nothing else may ever tell. */
  stop(): void {
    this.#stopped = true;
    this.#cancelLimit();
  }

  /** The control log changed: greet a new member, say goodbye to a removed one, pass the entries on. */
  controlChanged(): void {
    if (this.#stopped || this.#dismissed) return;
    const member = this.#parts.host.controlLog.state.memberByKey(this.#parts.peerKey);
    if (member === undefined) {
      if (this.#level) this.#parts.close('its grant has no effect as the control logs stand');
      return;
    }
    const removal = this.#removal();
    if (removal !== undefined) return this.#dismiss(removal);
    this.#greet();
    this.#exchange.level();
    this.#settle();
  }

  /**
   * Where both have greeted, the peer may take itself for level. It is not here if a fork took its grant's effect meanwhile: that is
   * no offence, and what it says waits for the fork to be settled, at most as long as an opening may take.
   */
  isEarly({ type }: ReplicationMessage): boolean {
    const greeted = this.#saidHello && this.#peerSaidHello;
    return !this.#level && greeted && type !== 'hello' && type !== 'needControl' && type !== 'control';
  }

  /**
   * @returns settles when control entries are verified and kept: what comes after them has to wait
   * @throws {SandboxError} SANDBOX_UNKNOWN; rejects with BAD_CONTROL_ENTRY
   */
  receive(message: OpeningMessage): Promise<void> | undefined {
    if (message.type === 'control') return this.#receiveControl(message.entries);
    this.#assertSandbox(message.sandbox);
    if (message.type === 'hello') this.#peerSaidHello = true;
    this.#answer(message.logs);
    return undefined;
  }

  /** Answers an opening with the entries that a member lacks. */
  #answer(logs: readonly LogTips[]): void {
    this.#exchange.hear(logs);
    const removal = this.#removal();
    if (removal !== undefined) return this.#dismiss(removal);
    if (this.#peerMember() !== undefined) this.#exchange.level();
    this.#settle();
  }

  async #receiveControl(entries: readonly string[]): Promise<void> {
    this.#exchange.note(entries);
    await this.#parts.host.receiveControl(entries);
    this.#greet();
    // What it lacks may show only now.
    if (this.#peerMember() !== undefined) this.#exchange.level();
    this.#settle();
  }

  #greet(): void {
    if (this.#saidHello || this.#stopped) return;
    const { controlLog: control, sandbox } = this.#parts.host;
    if (this.#peerMember() !== undefined) {
      this.#saidHello = true;
      this.#parts.send({ type: 'hello', sandbox, logs: control.tips() });
    } else if (this.#removal() === undefined) {
      this.#parts.send({ type: 'needControl', sandbox, logs: control.tips() });
    }
  }

  /** Becomes level when both have greeted and nothing the peer has in its control log is missing here. */
  #settle(): void {
    if (this.#level || this.#stopped || !this.#saidHello || !this.#peerSaidHello) return;
    const member = this.#peerMember();
    if (member === undefined || !this.#exchange.complete) return;
    this.#level = true;
    this.#member = member;
    this.#cancelLimit();
    this.#parts.onLevel();
  }

  /** It learns of its own removal and of nothing after it; then the link has a moment to carry that. */
  #dismiss(removal: ControlPosition): void {
    if (this.#dismissed) return;
    this.#dismissed = true;
    this.#exchange.level(removal);
    this.#level = false;
    this.#cancelLimit();
    const close = (): void => this.#parts.close('its member was removed');
    this.#cancelLimit = this.#parts.host.environment.after(GOODBYE_MS, close);
    this.#parts.onDismissed();
  }

  #peerMember(): MemberId | undefined {
    const { state } = this.#parts.host.controlLog;
    const member = state.memberByKey(this.#parts.peerKey);
    return member !== undefined && state.roleNow(member.id) !== null ? member.id : undefined;
  }

  /** How far of the logs its removal reaches; undefined for an active member and for a stranger. */
  #removal(): ControlPosition | undefined {
    const place = this.#parts.host.controlLog.state.memberByKey(this.#parts.peerKey)?.removed;
    if (place === undefined) return undefined;
    return place.log === OWNER_LOG ? [place.owner] : [place.owner, place.log, place.seq];
  }

  #assertSandbox(sandbox: string): void {
    if (sandbox !== this.#parts.host.sandbox) {
      throw new SandboxError('SANDBOX_UNKNOWN', `Cannot replicate sandbox ${sandbox} over a link of another`);
    }
  }
}
