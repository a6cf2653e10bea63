/**
 * What a document `draft/<file>` holds: a text, and in the map `texts` what it was made from. Where two members began a
 * draft of one file before they heard of each other there are two texts, told apart by their ids: joining them would
 * double what both began with, so both stay until somebody discards one.
 */

import type * as Y from 'yjs';
import { z } from 'zod';
import type { MemberId } from '../ids.ts';
import { contentHashSchema, wallClockSchema } from '../model/schemas.ts';
import { writerOfKey } from './client-id.ts';
import type { DocumentName } from './document-name.ts';

const PREFIX = 'draft/';
/** Characters: what a person edits; the limit of a message is near. */
export const MAX_DRAFT_CHARS = 500_000;

/** Of the source that a text was made from. */
const anchorSchema = z.object({ sha256: contentHashSchema, at: wallClockSchema });
export type DraftAnchor = z.infer<typeof anchorSchema>;

export interface DraftText extends DraftAnchor {
  readonly id: string;
  /** Who began it. */
  readonly by: MemberId;
  readonly text: Y.Text;
}

export function draftDocument(file: string): DocumentName {
  return `${PREFIX}${file}`;
}

/** @returns undefined for another document */
export function fileOfDraft(document: DocumentName): string | undefined {
  return document.startsWith(PREFIX) ? document.slice(PREFIX.length) : undefined;
}

/** Oldest first; what is malformed is left out. */
export function draftTexts(doc: Y.Doc): DraftText[] {
  const map = doc.getMap('texts');
  const texts: DraftText[] = [];
  for (const [id, value] of map) {
    const anchor = anchorSchema.safeParse(value);
    const by = writerOfKey(map, id);
    if (anchor.success && by !== undefined) texts.push({ ...anchor.data, id, by, text: textOf(doc, id) });
  }
  return texts.sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

/** @param id of nobody else's: a random one */
export function beginDraft(doc: Y.Doc, id: string, anchor: DraftAnchor, content: string): void {
  doc.getMap('texts').set(id, anchor);
  textOf(doc, id).insert(0, content);
}

export function discardDraft(doc: Y.Doc, id: string): void {
  doc.getMap('texts').delete(id);
  const text = textOf(doc, id);
  text.delete(0, text.length);
}

function textOf(doc: Y.Doc, id: string): Y.Text {
  return doc.getText(`text/${id}`);
}

/** Where a text was changed: the smallest stretch that covers all of it. */
export interface Stretch {
  readonly at: number;
  readonly removed: number;
  readonly inserted: string;
}

/** @returns undefined when nothing was */
export function changedStretch(before: string, after: string): Stretch | undefined {
  if (before === after) return undefined;
  const shorter = Math.min(before.length, after.length);
  let start = 0;
  while (start < shorter && before[start] === after[start]) start++;
  let end = 0;
  while (end < shorter - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  // Never between the halves of a character.
  if (isLowHalf(before.charCodeAt(start)) || isLowHalf(after.charCodeAt(start))) start--;
  if (isLowHalf(before.charCodeAt(before.length - end)) || isLowHalf(after.charCodeAt(after.length - end))) end--;
  return { at: start, removed: before.length - end - start, inserted: after.slice(start, after.length - end) };
}

/**
 * Brings a change of a text to what the text has become since.
 *
 * @returns undefined when both changed the same stretch
 */
export function rebaseStretch(change: Stretch, since: Stretch | undefined): Stretch | undefined {
  if (since === undefined || change.at + change.removed < since.at) return change;
  if (since.at + since.removed >= change.at) return undefined;
  return { ...change, at: change.at + since.inserted.length - since.removed };
}

function isLowHalf(code: number): boolean {
  return code >= 0xdc00 && code <= 0xdfff;
}
