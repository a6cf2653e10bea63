/** What a client said of itself in `initialize`, and positions as it counts them. */

import type { DebugProtocol } from '@vscode/debugprotocol';

type ClientArguments = Partial<DebugProtocol.InitializeRequestArguments>;

export class DapClient {
  readonly #said: ClientArguments;

  /** @param said checked by its request; before it came, a client is taken for the most modest */
  constructor(said: ClientArguments = {}) {
    this.#said = said;
  }

  get name(): string {
    return this.#said.clientName ?? this.#said.clientID ?? 'a debug client';
  }

  get runsInTerminal(): boolean {
    return this.#said.supportsRunInTerminalRequest === true;
  }

  get showsProgress(): boolean {
    return this.#said.supportsProgressReporting === true;
  }

  /** It reads again what it is told to. */
  get takesInvalidated(): boolean {
    return this.#said.supportsInvalidatedEvent === true;
  }

  get usesUris(): boolean {
    return this.#said.pathFormat === 'uri';
  }

  /** Of our 1-based line. */
  line(line: number): number {
    return line - this.#lineBase;
  }

  column(column: number): number {
    return column - this.#columnBase;
  }

  /** Our 1-based line of the client's. */
  fromLine(line: number): number {
    return line + this.#lineBase;
  }

  fromColumn(column: number): number {
    return column + this.#columnBase;
  }

  get #lineBase(): number {
    return this.#said.linesStartAt1 === false ? 1 : 0;
  }

  get #columnBase(): number {
    return this.#said.columnsStartAt1 === false ? 1 : 0;
  }
}
