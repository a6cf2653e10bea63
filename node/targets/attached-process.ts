/**
 * What the attachment layer hands to the engines: one process with the daemon's only CDP session to it.
 * Whether the bytes run through the in-process harness or an inspector port is not visible here; that a debug adapter
 * answers, for a program in another language, is in {@link AttachedProcess.adapter}.
 */

import type { ProtocolMapping } from 'devtools-protocol/types/protocol-mapping.js';
import type { Emitter } from '#shared/emitter.ts';
import type { ExceptionFilter } from '#shared/model/breakpoint.ts';
import type { Looked, PreparedLooks } from './prepared-looks.ts';
import type { WorkerThreads } from './worker-threads.ts';

interface Commands extends ProtocolMapping.Commands {
  'Sandmesh.prepareLooks': { paramsType: [PreparedLooks]; returnType: unknown };
}
interface Events extends ProtocolMapping.Events {
  'Sandmesh.looked': [Looked];
}
export type CdpMethod = keyof Commands;
export type CdpParams<M extends CdpMethod> = Commands[M]['paramsType'][0];
export type CdpResult<M extends CdpMethod> = Commands[M]['returnType'];
export type CdpEvent = keyof Events;
export type CdpEventParams<E extends CdpEvent> = Events[E] extends [infer P] ? P : undefined;

export interface CdpSession {
  /**
   * @param options `timeoutMs` 10,000 by default
   * @throws {SandboxError} TARGET_GONE when the process or session ended, TIMEOUT; EVALUATION_FAILED carries V8's own
   * refusal text
   */
  send<M extends CdpMethod>(
    method: M,
    params?: CdpParams<M>,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<CdpResult<M>>;
  /** @returns a function that removes the listener */
  on<E extends CdpEvent>(event: E, listener: (params: CdpEventParams<E>) => void): () => void;
}

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: string | null;
  /** `exit`: the process ended. `lost`: only the session did (closed by the program, socket gone). */
  readonly how: 'exit' | 'lost';
}

export interface AttachedProcessEvents {
  /** Fires once. */
  exit: ProcessExit;
  /** Console calls left out since the last event because they came faster than the limit. */
  dropped: { readonly count: number };
}

export interface DetachOptions {
  /** It is the daemon that leaves: a program that can find the next one by itself may come back to it. */
  readonly comesBack?: boolean;
}

/** What a debug adapter made of a breakpoint. */
export interface PlaceVerdict {
  readonly isArmed: boolean;
  /** Counted from 1. */
  readonly line: number;
  /** Its own words. */
  readonly message: string | undefined;
}

/** What is different about a program that a debug adapter debugs: its expressions are not JavaScript. */
export interface AdapterTraits {
  /** The adapter, as people call it. */
  readonly name: string;
  readonly language: string;
  /** Whether it tests conditions by itself. */
  takesConditions(): boolean;
  /** Makes an expression one whose value {@link isTrue} can judge. */
  truth(expression: string): string;
  /** @param value as the adapter shows it */
  isTrue(value: string): boolean;
  /** Whether it can stop at such exceptions. */
  stopsAt(filter: ExceptionFilter): boolean;
  /** @param lineNumber counted from 0; where a breakpoint was set */
  verdict(scriptId: string, lineNumber: number): PlaceVerdict | undefined;
  /** A verdict changed: some are given when code is loaded. @returns stops listening */
  onVerdict(listener: () => void): () => void;
  /** Makes a file of this machine a script, if it is one: an adapter tells of those only in which it stands. */
  loadSource(path: string): void;
}

export interface AttachedProcess {
  readonly mode: 'harness' | 'external' | 'adapter';
  readonly cdp: CdpSession;
  readonly pid: number;
  readonly argv: readonly string[];
  readonly cwd: string;
  /** Absolute real path of the main script, if known. */
  readonly entry: string | undefined;
  /** `node v20.20.2`, `Python (debugpy)` */
  readonly runtime: string;
  readonly nodeEnv: string | undefined;
  /** Launch it belongs to (`target.launch`), if it was run by sandmesh. */
  readonly launch: string | undefined;
  /** True until {@link release}: no line of the program has run. */
  readonly held: boolean;
  /** Lets a held program start; harmless otherwise. */
  release(): Promise<void>;
  /** Ends the session and lets the program run on, unpaused and without breakpoints. Safe to call twice. */
  detach(options?: DetachOptions): Promise<void>;
  readonly events: Emitter<AttachedProcessEvents>;
  /** Milliseconds since the epoch; with the pid it names the process across daemon restarts. */
  readonly startedAt?: number;
  /** False for a forwarded inspector (a container, another machine): the system here knows nothing of its pid. */
  readonly isLocal?: boolean;
  /** `threadId` of a worker thread, which shares its process's pid; undefined for the main thread. */
  readonly thread?: number;
  /** Absent where they are not told of. */
  readonly workers?: WorkerThreads;
  /** Absent for a Node process. */
  readonly adapter?: AdapterTraits;
}
