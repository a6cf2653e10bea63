/** While a program runs: one line on the terminal's stderr for whoever wants in, comes or goes. */

import type { SandmeshClient, Scope } from '#client/sdk/client.ts';
import type { TopicMessage } from '#client/sdk/subscription.ts';
import type { Member } from '#shared/model/member.ts';
import type { Colors, Output } from '../output.ts';
import { requestLine } from '../render/requests.ts';
import { safeLine } from '../render/safe-text.ts';

type Announced = TopicMessage<'requests' | 'members' | 'notices'>;

/** @returns stops announcing */
export function announceEvents(client: SandmeshClient, output: Output, scope: Scope): () => void {
  if (output.quiet || output.json || output.stderr.isTTY !== true) return () => undefined;
  const events = client.subscribe(['requests', 'members', 'notices'], scope);
  const online = new Map<number, boolean>();
  const colors = output.errorColors;
  const print = async (): Promise<void> => {
    for await (const message of events) {
      const text = announcement(message, online, colors);
      // A program in raw mode has switched off the terminal's own carriage return.
      if (text !== undefined) output.stderr.write(`${colors.dim('sandmesh:')} ${text}\r\n`);
    }
  };
  // Ends when stopped; a lost daemon reconnects underneath.
  print().catch(() => undefined);
  return () => void events.return?.();
}

/** @param online who was here when last heard of; updated */
export function announcement(message: Announced, online: Map<number, boolean>, colors: Colors): string | undefined {
  switch (message.topic) {
    case 'requests':
      return message.event.outcome === 'pending' ? requestLine(message.event.request, colors) : undefined;
    case 'members':
      return presenceChange(message.event.member, online);
    case 'notices':
      return message.event.level === 'info' ? undefined : safeLine(message.event.text);
    default:
      return message satisfies never;
  }
}

function presenceChange(member: Member, online: Map<number, boolean>): string | undefined {
  const before = online.get(member.id) ?? false;
  online.set(member.id, member.online && !member.removed);
  if (member.self || before === member.online) return undefined;
  const name = safeLine(member.name);
  return member.online ? `${name} is here, as ${member.role}` : `${name} is away`;
}
