/** Pending requests as text: who, by which key, wants what, and what saying yes puts at stake. */

import type { PendingRequest } from '#shared/model/member.ts';
import type { Colors } from '../output.ts';
import { safeLine } from './safe-text.ts';

/** `alice (1a2b 3c4d) wants to join as debugger: …` without what to type. */
export function requestText(request: PendingRequest, colors: Colors): string {
  const warning = request.warning === undefined ? '' : ` ${colors.yellow(`[${safeLine(request.warning)}]`)}`;
  const who = `${colors.bold(safeLine(request.name))} (${safeLine(request.fingerprint)})${warning}`;
  switch (request.kind) {
    case 'join':
      return `${who} wants to join as ${request.role ?? 'member'}`;
    case 'consent':
      return `${who} wants to ${request.right ?? 'act'}`;
    case 'lease':
      return `${who} wants to drive`;
    case 'action':
      return `${who} wants to ${request.right ?? 'act'}, this once`;
    default:
      return request.kind satisfies never;
  }
}

/** As {@link requestText}, with the stake and the commands that answer it. */
export function requestLine(request: PendingRequest, colors: Colors): string {
  const name = commandWord(request);
  const stake = request.stake === '' ? '' : ` (${safeLine(request.stake)})`;
  return `${requestText(request, colors)}${stake}: ${colors.cyan(`sandmesh approve ${name}`)} or ${colors.cyan(`sandmesh deny ${name}`)}`;
}

/** A name that a shell takes as it is, else the request's id: a member's name must not become shell syntax. */
export function commandWord(request: PendingRequest): string {
  return /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(request.name) ? request.name : request.id;
}
