/** The daemon's end of the probes' runtime: installs it, tells it what to do, and hears what it hands over. */

import { SandboxError } from '#shared/errors.ts';
import type { CdpSession } from '../../../targets/attached-process.ts';
import type { Timers } from '../timers.ts';
import {
  BINDING_NAME,
  type HandedOver,
  handedOverSchema,
  INSTALL_RUNTIME,
  RUNTIME_LIMITS,
  RUNTIME_NAME,
} from './probe-runtime.ts';

/** Beyond this it is not read: a program may call the binding with anything. */
const MAX_HANDED_OVER = 8 * 1024 * 1024;

export interface RuntimeLinkOptions {
  /** The session itself: nothing here speaks of positions. */
  readonly cdp: CdpSession;
  readonly timers: Timers;
  /** Object id of the inspection tool. */
  tool(): Promise<string>;
  onHandedOver(what: HandedOver): void;
}

export class RuntimeLink {
  readonly #options: RuntimeLinkOptions;
  #runtime: Promise<string> | undefined;
  #off: (() => void) | undefined;
  #cancelWord: (() => void) | undefined;

  constructor(options: RuntimeLinkOptions) {
    this.#options = options;
  }

  get isInstalled(): boolean {
    return this.#runtime !== undefined;
  }

  install(): Promise<string> {
    this.#runtime ??= this.#install().catch((error: unknown) => {
      this.#runtime = undefined;
      throw error;
    });
    return this.#runtime;
  }

  /** Calls a method of the runtime. @returns what it returns, by value */
  async call(method: string, ...args: (string | number | boolean)[]): Promise<unknown> {
    const objectId = await this.install();
    const { result, exceptionDetails } = await this.#options.cdp.send('Runtime.callFunctionOn', {
      objectId,
      functionDeclaration: `function(...args) { return this.${method}(...args); }`,
      arguments: args.map((value) => ({ value })),
      returnByValue: true,
      silent: true,
    });
    if (exceptionDetails === undefined) return result.value;
    throw new SandboxError('EVALUATION_FAILED', `Cannot reach the probes of the program: ${exceptionDetails.text}`);
  }

  end(): void {
    this.#off?.();
    this.#cancelWord?.();
  }

  async #install(): Promise<string> {
    const { cdp, tool, onHandedOver } = this.#options;
    this.#off ??= cdp.on('Runtime.bindingCalled', ({ name, payload }) => {
      if (name !== BINDING_NAME || payload.length > MAX_HANDED_OVER) return;
      const what = parse(payload);
      if (what !== undefined) onHandedOver(what);
    });
    await cdp.send('Runtime.addBinding', { name: BINDING_NAME });
    const { result, exceptionDetails } = await cdp.send('Runtime.callFunctionOn', {
      objectId: await tool(),
      functionDeclaration: INSTALL_RUNTIME,
      arguments: [{ value: RUNTIME_NAME }, { value: BINDING_NAME }, { value: RUNTIME_LIMITS }],
      objectGroup: 'sandmesh-tool',
      silent: true,
    });
    if (result.objectId === undefined || exceptionDetails !== undefined) {
      const why = exceptionDetails?.exception?.description ?? exceptionDetails?.text ?? 'no result';
      throw new SandboxError('EVALUATION_FAILED', `Cannot prepare the target for probes: ${why.slice(0, 300)}`);
    }
    this.#giveWord();
    return result.objectId;
  }

  /** A daemon that is gone says nothing, and the probes end by themselves. */
  #giveWord(): void {
    this.#cancelWord = this.#options.timers.after(RUNTIME_LIMITS.silenceMs / 4, () => {
      this.#giveWord();
      // The program has ended, or stands: either way nothing is lost.
      this.call('heard').catch(() => undefined);
    });
  }
}

function parse(payload: string): HandedOver | undefined {
  try {
    const parsed = handedOverSchema.safeParse(JSON.parse(payload));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Called by the program itself with something else.
    return undefined;
  }
}
