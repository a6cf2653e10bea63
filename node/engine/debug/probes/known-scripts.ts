/**
 * The debugger's session as it would be had no code been injected: scripts keep the text and the positions that everybody
 * knows, whoever asks. What is injected, and only that, goes around it.
 */

import type { Protocol } from 'devtools-protocol';
import type {
  CdpEvent,
  CdpEventParams,
  CdpMethod,
  CdpParams,
  CdpResult,
  CdpSession,
} from '../../../targets/attached-process.ts';
import type { Insertion } from './injection.ts';
import type { LeftCode, LeftText } from './left-code.ts';
import { LineIndex, ShiftedLines } from './shifted-lines.ts';

interface EditedScript {
  readonly text: string;
  readonly lines: ShiftedLines;
}

type Location = Protocol.Debugger.Location;

export class KnownScripts implements CdpSession {
  /** The session itself. */
  readonly running: CdpSession;
  readonly #edited = new Map<string, EditedScript>();
  #isInInsertion = false;
  /** Scripts with code of a former daemon's, until it is taken out. */
  #left = new Map<string, LeftText>();
  #asides: ReadonlySet<string> = new Set();

  constructor(running: CdpSession) {
    this.running = running;
  }

  /** Whether the last stop was in injected code. */
  get isInInsertion(): boolean {
    return this.#isInInsertion;
  }

  get left(): ReadonlyMap<string, LeftText> {
    return this.#left;
  }

  /** Before V8 tells of the scripts. */
  takeLeft({ texts, asides }: LeftCode): void {
    this.#left = new Map(texts);
    this.#asides = asides;
  }

  /** It runs as it was. */
  dropLeft(scriptId: string): void {
    this.#left.delete(scriptId);
  }

  /** @param insertions in the order of the text; none: it runs as it was */
  setEdited(scriptId: string, text: string, insertions: readonly Insertion[]): void {
    if (insertions.length === 0) this.#edited.delete(scriptId);
    else this.#edited.set(scriptId, { text, lines: new ShiftedLines(new LineIndex(text), insertions) });
  }

  async send<M extends CdpMethod>(
    method: M,
    params?: CdpParams<M>,
    options?: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<CdpResult<M>> {
    const speaksOfScripts = this.#edited.size + this.#left.size > 0 && method.startsWith('Debugger.');
    if (!speaksOfScripts) return this.running.send(method, params, options);
    const asked = (params ?? {}) as { scriptId?: string };
    if (method === 'Debugger.getScriptSource') {
      const edited = this.#edited.get(asked.scriptId ?? '') ?? this.#left.get(asked.scriptId ?? '');
      if (edited !== undefined) return { scriptSource: edited.text } as CdpResult<M>;
    }
    const sent = this.#mapLocations(params, (location) => this.#toRunning(location)) as CdpParams<M>;
    const result = await this.running.send(method, sent, options);
    if (method !== 'Debugger.getPossibleBreakpoints') {
      return this.#mapLocations(result, (location) => this.#toKnown(location)) as CdpResult<M>;
    }
    const { locations } = result as Protocol.Debugger.GetPossibleBreakpointsResponse;
    const known = locations.filter((location) => !this.#isInserted(location)).map((at) => this.#toKnown(at));
    return { locations: known.filter((at, i) => !isSamePlace(at, known[i - 1])) } as CdpResult<M>;
  }

  on<E extends CdpEvent>(event: E, listener: (params: CdpEventParams<E>) => void): () => void {
    return this.running.on(event, (params) => {
      if (event === 'Debugger.scriptParsed') {
        const script = this.#asWritten(params as Protocol.Debugger.ScriptParsedEvent);
        return script === undefined ? undefined : listener(script as CdpEventParams<E>);
      }
      if (event === 'Debugger.paused') {
        const top = (params as Protocol.Debugger.PausedEvent).callFrames[0]?.location;
        this.#isInInsertion = top !== undefined && this.#isInserted(top);
      }
      if (this.#edited.size === 0 || !POSITIONED.has(event)) return listener(params);
      listener(this.#mapLocations(params, (location) => this.#toKnown(location)) as CdpEventParams<E>);
    });
  }

  /** @returns undefined: it tells of a text that went, under another id */
  #asWritten(script: Protocol.Debugger.ScriptParsedEvent): Protocol.Debugger.ScriptParsedEvent | undefined {
    if (script.isLiveEdit === true) return undefined;
    const left = this.#left.get(script.scriptId);
    if (left !== undefined) return { ...script, hash: left.hash, length: left.text.length };
    return this.#asides.has(script.hash) ? undefined : script;
  }

  #isInserted({ scriptId, lineNumber, columnNumber = 0 }: Location): boolean {
    return this.#edited.get(scriptId)?.lines.toKnown(lineNumber, columnNumber).isInserted ?? false;
  }

  #toKnown<L extends Location>(location: L): L {
    const { scriptId, lineNumber, columnNumber } = location;
    const edited = this.#edited.get(scriptId);
    if (edited === undefined || columnNumber === undefined) return location;
    return { ...location, columnNumber: edited.lines.toKnown(lineNumber, columnNumber).column };
  }

  #toRunning(location: Location): Location {
    const { scriptId, lineNumber, columnNumber } = location;
    const edited = this.#edited.get(scriptId);
    if (edited === undefined || columnNumber === undefined) return location;
    return { ...location, columnNumber: edited.lines.toRunning(lineNumber, columnNumber) };
  }

  /** Every position in an answer, event or request: whatever has a script and a line. */
  #mapLocations(value: unknown, map: (location: Location) => Location): unknown {
    if (Array.isArray(value)) return value.map((each) => this.#mapLocations(each, map));
    if (typeof value !== 'object' || value === null) return value;
    const found = value as Record<string, unknown>;
    const entries = Object.entries(found).map(([key, each]) => [key, this.#mapLocations(each, map)] as const);
    const copy = Object.fromEntries(entries);
    const isLocation = typeof found['scriptId'] === 'string' && typeof found['lineNumber'] === 'number';
    return isLocation ? map(copy as unknown as Location) : copy;
  }
}

function isSamePlace(a: Location, b: Location | undefined): boolean {
  return a.lineNumber === b?.lineNumber && a.columnNumber === b.columnNumber;
}

const POSITIONED: ReadonlySet<string> = new Set([
  'Debugger.paused',
  'Sandmesh.looked',
  'Debugger.breakpointResolved',
  'Runtime.consoleAPICalled',
  'Runtime.exceptionThrown',
]);
