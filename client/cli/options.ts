/** Parsed options of one invocation, read by name with the type the reader expects. */

export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  /** @param values by camel-cased long name, already checked by the parser */
  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  /** An option with a value; an optional value that was left out is the empty text. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  /** A repeatable option, in the order given. */
  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.map(String) : [];
  }

  integer(name: string): number | undefined {
    const value = this.#values[name];
    return typeof value === 'number' ? value : undefined;
  }
}
