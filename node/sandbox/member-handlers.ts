/** Handlers about the people of a sandbox: members, requests, presence, chat. */

import type { Handler } from '../pipeline/context.ts';
import type { SandboxHandlers } from '../pipeline/pipeline.ts';
import { listChat, sendChat } from './chat.ts';
import { rememberAnswer, takeBackDenial } from './consent-answers.ts';
import type { HostedSandbox } from './hosted-sandbox.ts';
import { assertMayChat } from './member-rates.ts';
import { viewMembers } from './member-view.ts';

/** @param announcePresence sends this member's presence to the others and to local subscribers */
export function memberHandlers(announcePresence: (sandbox: HostedSandbox) => void): SandboxHandlers {
  const list: Handler<'member.list', HostedSandbox> = async (_args, context) => {
    const { replica, presence } = context.sandbox;
    return { members: viewMembers(replica, presence) };
  };
  const requests: Handler<'request.list', HostedSandbox> = async (_args, context) => ({
    requests: context.sandbox.requests.list(),
  });
  const approve: Handler<'request.approve', HostedSandbox> = async (args, context) => {
    const { consents, replica, requests } = context.sandbox;
    if (!requests.knows(args.request)) {
      const request = takeBackDenial(replica, consents, args.request);
      if (request !== undefined) return { request };
    }
    // The joiner would be refused although its request was approved, and gone.
    const asked = requests.assertApprovable(args.request, args.role);
    if (asked.kind === 'join') replica.authority?.assertUnlocked();
    // Before anybody acts on it: a yes that cannot be kept is none, and the question stays open.
    rememberAnswer(consents, asked, 'allow');
    return { request: await requests.approve(asked.id, args.role) };
  };
  const deny: Handler<'request.deny', HostedSandbox> = async (args, context) => {
    const { consents, requests } = context.sandbox;
    const request = requests.decide(args.request, { approved: false, role: undefined });
    rememberAnswer(consents, request, 'deny');
    return { request };
  };
  const setPresence: Handler<'presence.set', HostedSandbox> = async (args, context) => {
    const { presence } = context.sandbox;
    const { member, session } = context.caller;
    const pages = presence.get(member)?.pages;
    presence.setBy(session, { ...args, member, ...(pages === undefined ? {} : { pages }) });
    announcePresence(context.sandbox);
    return {};
  };
  const chatSend: Handler<'chat.send', HostedSandbox> = async (args, { sandbox }) => {
    assertMayChat(sandbox.rates, sandbox.replica.self);
    return sendChat(sandbox.replica, args.text);
  };
  const chatList: Handler<'chat.list', HostedSandbox> = async (args, context) => ({
    lines: listChat(context.sandbox.replica, args.limit),
  });
  return {
    'member.list': list,
    'request.list': requests,
    'request.approve': approve,
    'request.deny': deny,
    'presence.set': setPresence,
    'chat.send': chatSend,
    'chat.list': chatList,
  };
}
