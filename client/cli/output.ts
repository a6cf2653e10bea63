/**
 * What the CLI says and where: results on stdout (text or, with --json, the documented shape), everything else on
 * stderr. Colours per stream, by NO_COLOR, FORCE_COLOR and whether it is a terminal.
 */

import pc from 'picocolors';
import { ERROR_CODES, type ErrorData, SandboxError } from '#shared/errors.ts';
import { safeText } from './render/safe-text.ts';

export type Colors = ReturnType<typeof pc.createColors>;

/** The part of a stream that output needs; tests pass their own. */
export interface OutputStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly json: boolean;
  readonly quiet: boolean;
}

export class Output {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly json: boolean;
  /** Only the link, only what was asked for. */
  readonly quiet: boolean;
  readonly colors: Colors;
  readonly errorColors: Colors;
  readonly #debug: boolean;

  constructor({ stdout, stderr, env, json, quiet }: OutputOptions) {
    this.stdout = stdout;
    this.stderr = stderr;
    this.json = json;
    this.quiet = quiet;
    this.colors = pc.createColors(wantsColors(stdout, env));
    this.errorColors = pc.createColors(wantsColors(stderr, env));
    this.#debug = isSet(env.SANDMESH_DEBUG);
  }

  /** Width of a terminal, else 100. */
  get columns(): number {
    return this.stdout.columns ?? 100;
  }

  print(text: string): void {
    this.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** To stderr; silent with -q and --json. */
  note(text: string): void {
    if (!this.quiet && !this.json) this.stderr.write(`${text}\n`);
  }

  /** One result: JSON as it is, or `render()` for people, which may have nothing to say. */
  result(data: object, render: () => string): void {
    if (this.json) return this.print(JSON.stringify(data));
    const text = render();
    if (text !== '') this.print(text);
  }

  /** With --json on stdout as `{error: {code, message, hint?}}`, else on stderr: what failed, then what to do. */
  error(thrown: unknown): void {
    const error = SandboxError.from(thrown);
    if (this.json) return this.print(JSON.stringify({ error: error.toData() }));
    const colors = this.errorColors;
    const data: ErrorData = error.toData();
    this.stderr.write(`${colors.red('sandmesh:')} ${safeText(data.message)}\n`);
    const mayPass = ERROR_CODES[data.code].retry && data.code !== 'CANCELLED';
    const hint = data.hint ?? (mayPass ? 'This may pass: try again.' : undefined);
    if (hint !== undefined) this.stderr.write(`${colors.dim(safeText(hint))}\n`);
    if (this.#debug) {
      const deepest = error.cause instanceof Error ? error.cause : error;
      this.stderr.write(`${data.code}\n${error.stack ?? ''}\n${deepest === error ? '' : (deepest.stack ?? '')}\n`);
    }
  }
}

function isSet(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0';
}

function wantsColors(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (isSet(env.FORCE_COLOR)) return true;
  return stream.isTTY === true && env.TERM !== 'dumb';
}
