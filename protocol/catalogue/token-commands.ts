/** Commands about the tokens of the local API. Only the daemon's own user may ask. */

import { z } from 'zod';
import { wallClockSchema } from '#shared/model/schemas.ts';
import { SCOPES } from '../api/scopes.ts';
import { defineCommand } from './command.ts';

const YEAR_MS = 365 * 24 * 3600_000;
const scopes = z.array(z.enum(SCOPES)).min(1).max(SCOPES.length);

const tokenInfoSchema = z.object({
  id: z.string(),
  label: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: wallClockSchema,
  expiresAt: wallClockSchema.optional(),
});

export const tokenCommands = {
  'token.create': defineCommand('token.create', {
    summary: 'Make a token for the local API and show it, once',
    args: () =>
      z.object({
        label: z.string().min(1).max(100).default('unnamed'),
        scopes: scopes.default(['read']),
        /** From now; for good when absent. */
        expiresInMs: z.number().int().min(60_000).max(YEAR_MS).optional(),
      }),
    result: () => z.object({ token: z.string(), info: tokenInfoSchema }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
    audited: true,
  }),
  'token.list': defineCommand('token.list', {
    summary: 'List the tokens of the local API, without their secrets',
    args: () => z.object({}),
    result: () => z.object({ tokens: z.array(tokenInfoSchema) }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
  'token.revoke': defineCommand('token.revoke', {
    summary: 'End a token and every access token made from it',
    args: () => z.object({ id: z.string().max(100) }),
    result: () => z.object({ revoked: z.string() }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
    audited: true,
  }),
  'token.access': defineCommand('token.access', {
    summary:
      'Give an access token for the local API, as an exchange of the own token would; of a token, one of that token',
    args: () => z.object({ scopes: scopes.optional() }),
    result: () =>
      z.object({ accessToken: z.string(), expiresInSeconds: z.number().int(), scopes: z.array(z.enum(SCOPES)) }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
    audited: true,
  }),
  'token.code': defineCommand('token.code', {
    summary: 'Make a code that a page can exchange for access once, within a minute',
    args: () => z.object({ scopes: scopes.default([...SCOPES]) }),
    result: () => z.object({ code: z.string(), expiresAt: wallClockSchema }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
    audited: true,
  }),
};
