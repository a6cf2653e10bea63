/** `token`: tokens of the local HTTP API. */

import { SCOPES, type Scope } from '#protocol/api/scopes.ts';
import type { CommandHandler } from '../command-spec.ts';
import { ExitCode } from '../exit-codes.ts';
import { safeLine } from '../render/safe-text.ts';
import { table } from '../render/table.ts';

const HOUR_MS = 3600_000;

export const access: CommandHandler = async ({ context, options }) => {
  const scopes = scopesOf(options.list('scope'));
  const client = await context.connect();
  const result = await client.call('token.access', scopes.length === 0 ? {} : { scopes });
  context.output.result(result, () => result.accessToken);
  return ExitCode.ok;
};

export const create: CommandHandler = async ({ context, args, options }) => {
  const client = await context.connect();
  const scopes = scopesOf(options.list('scope'));
  const hours = options.integer('expires');
  const result = await client.call('token.create', {
    label: args[0] ?? 'unnamed',
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(hours === undefined ? {} : { expiresInMs: hours * HOUR_MS }),
  });
  const { output } = context;
  output.result(result, () => result.token);
  output.note(
    `Its scopes: ${result.info.scopes.join(', ')}. It is shown this once; "sandmesh token revoke ${result.info.id}" ends it.`,
  );
  return ExitCode.ok;
};

export const list: CommandHandler = async ({ context }) => {
  const result = await (await context.connect()).call('token.list', {});
  const { output } = context;
  output.result(result, () => {
    if (result.tokens.length === 0) return 'No tokens but your own.';
    const rows = result.tokens.map((token) => [
      token.id,
      safeLine(token.label),
      token.scopes.join(' '),
      token.expiresAt === undefined ? 'never' : new Date(token.expiresAt).toISOString(),
    ]);
    return table(['ID', 'LABEL', 'SCOPES', 'EXPIRES'], rows, output.colors);
  });
  return ExitCode.ok;
};

export const revoke: CommandHandler = async ({ context, args }) => {
  const result = await (await context.connect()).call('token.revoke', { id: args[0] ?? '' });
  context.output.result(result, () => `Revoked: ${result.revoked}. What was made from it has ended too.`);
  return ExitCode.ok;
};

function scopesOf(names: readonly string[]): Scope[] {
  return SCOPES.filter((scope) => names.includes(scope));
}
