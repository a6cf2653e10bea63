/** What V8 told of scripts and contexts since the debugger was enabled, for clients who come later. */

import type { Protocol } from 'devtools-protocol';
import type { CdpSession } from '../../../targets/attached-process.ts';
import { TOOL_URL } from '../inspection-tool/functions.ts';

type ScriptParsed = Protocol.Debugger.ScriptParsedEvent;
type ContextDescription = Protocol.Runtime.ExecutionContextDescription;

/** A program may eval without end; the newest are the ones that can be on the stack. */
const MAX_NAMELESS = 2_000;

export class ScriptLog {
  readonly #scripts = new Map<string, ScriptParsed>();
  readonly #nameless: string[] = [];
  readonly #contexts = new Map<number, ContextDescription>();

  /** @returns functions that end it */
  follow(cdp: CdpSession): (() => void)[] {
    return [
      cdp.on('Debugger.scriptParsed', (event) => this.#add(event)),
      cdp.on('Runtime.executionContextCreated', ({ context }) => void this.#contexts.set(context.id, context)),
      cdp.on('Runtime.executionContextDestroyed', ({ executionContextId }) => {
        this.#contexts.delete(executionContextId);
      }),
      cdp.on('Runtime.executionContextsCleared', () => this.#contexts.clear()),
    ];
  }

  /** In the order they were parsed, our own left out. */
  get scripts(): Iterable<ScriptParsed> {
    return this.#scripts.values();
  }

  script(scriptId: string): ScriptParsed | undefined {
    return this.#scripts.get(scriptId);
  }

  get contexts(): Iterable<ContextDescription> {
    return this.#contexts.values();
  }

  #add(event: ScriptParsed): void {
    if (event.url === TOOL_URL) return;
    this.#scripts.set(event.scriptId, event);
    if (event.url !== '') return;
    this.#nameless.push(event.scriptId);
    if (this.#nameless.length > MAX_NAMELESS) this.#scripts.delete(this.#nameless.shift() ?? '');
  }
}
