/**
 * Events about a program that no document keeps: its host tells the other members itself, each what it may see. One that
 * comes from elsewhere is taken only from the host of the program it is about.
 */

import { type TopicEvent, topics } from '#protocol/topics.ts';
import { hostOfTarget, type MemberId, type TargetId } from '#shared/ids.ts';
import type { Right } from '#shared/rights.ts';
import type { Mask } from '../inspection/preview.ts';
import { maskHit } from '../probes/kept-hits.ts';

export const HOST_TOPICS = ['output', 'hits', 'metrics', 'values'] as const;
export type HostTopic = (typeof HOST_TOPICS)[number];
export type HostEvent = { readonly [T in HostTopic]: { readonly topic: T; readonly event: TopicEvent<T> } }[HostTopic];

export function isHostTopic(topic: string): topic is HostTopic {
  return (HOST_TOPICS as readonly string[]).includes(topic);
}

/** Programs that an event is about; one host's in practice. */
export function targetsOfEvent({ topic, event }: HostEvent): TargetId[] {
  switch (topic) {
    case 'output':
      return event.lines.map(({ target }) => target);
    case 'hits':
      return event.hits.map(({ target }) => target);
    case 'metrics':
      return [event.metrics.target];
    case 'values':
      return [event.target];
  }
}

/** @returns undefined: it is malformed, or about a program of somebody else's */
export function parseHostEvent(from: MemberId, topic: HostTopic, event: unknown): HostEvent | undefined {
  const parsed = topics[topic].safeParse(event);
  if (!parsed.success) return undefined;
  const told = { topic, event: parsed.data } as HostEvent;
  return targetsOfEvent(told).every((target) => hostOfTarget(target) === from) ? told : undefined;
}

/**
 * An event as a member may see it: masked for whoever may not evaluate, nothing of a program it may not look into.
 *
 * @param rightsOf undefined: the program is not hosted here, and its host has seen to it
 */
export function shownEvent<E extends HostEvent>(
  told: E,
  mask: Mask,
  rightsOf: (target: TargetId) => ReadonlySet<Right> | undefined,
): E['event'] {
  const shown = <T extends { readonly target: TargetId }>(items: readonly T[], masked: (item: T) => T): T[] =>
    items.flatMap((item) => {
      const rights = rightsOf(item.target);
      if (rights?.has('view') === false) return [];
      return rights === undefined || rights.has('evaluate') ? [item] : [masked(item)];
    });
  switch (told.topic) {
    case 'output':
      return { lines: shown(told.event.lines, (line) => ({ ...line, text: mask('', line.text).slice(0, 10_000) })) };
    case 'hits':
      return { hits: shown(told.event.hits, (hit) => maskHit(hit, mask)) };
    default:
      return told.event;
  }
}
