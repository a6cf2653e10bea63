/** Commands about the daemon itself and its configuration. Only its own user may ask. */

import { z } from 'zod';
import { defineCommand } from './command.ts';

const configEntrySchema = z.object({
  key: z.string(),
  value: z.unknown(),
  /** Where the effective value comes from, strongest first. */
  source: z.enum(['flag', 'environment', 'file', 'default']),
  description: z.string(),
});

export const daemonStatusSchema = z.object({
  version: z.string(),
  pid: z.number().int(),
  node: z.string(),
  home: z.string(),
  uptimeMs: z.number(),
  rssBytes: z.number(),
  peerId: z.string().optional(),
  /** Multiaddrs it listens on; empty until something is opened, loopback only until shared. */
  addresses: z.array(z.string()),
  /** Where the local HTTP API answers; absent while it does not. */
  api: z.string().optional(),
  /** Why it does not, or why clients will not take it. */
  apiTrouble: z.object({ message: z.string(), hint: z.string().optional() }).optional(),
  sandboxes: z.number().int(),
  targets: z.number().int(),
  clients: z.number().int(),
  peers: z.number().int(),
});

export const daemonCommands = {
  'daemon.status': defineCommand('daemon.status', {
    summary: 'Show this daemon: version, process, addresses, counts',
    args: () => z.object({}),
    result: () => daemonStatusSchema,
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
  'daemon.stop': defineCommand('daemon.stop', {
    summary: 'Stop the daemon; programs it is attached to keep running',
    args: () => z.object({}),
    result: () => z.object({ stopping: z.literal(true) }),
    right: 'local',
    subject: 'daemon',
    effect: 'write',
  }),
  'config.get': defineCommand('config.get', {
    summary: 'Read one configuration value and where it comes from',
    args: () => z.object({ key: z.string() }),
    result: () => configEntrySchema,
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
  'config.set': defineCommand('config.set', {
    summary: 'Write one configuration value to the file',
    args: () => z.object({ key: z.string(), value: z.string() }),
    result: () => configEntrySchema,
    right: 'local',
    subject: 'daemon',
    effect: 'write',
  }),
  'config.list': defineCommand('config.list', {
    summary: 'List every configuration value and where it comes from',
    args: () => z.object({}),
    result: () => z.object({ entries: z.array(configEntrySchema) }),
    right: 'local',
    subject: 'daemon',
    effect: 'read',
  }),
};
