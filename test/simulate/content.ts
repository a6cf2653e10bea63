/** What documents say, as text that is equal exactly when they say the same, whatever their encodings look like. */

import * as Y from 'yjs';
import type { SandboxReplica } from '#node/network/replication/sandbox-replica.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import type { MemberId } from '#shared/ids.ts';

/** Document → its content. */
export function canonicalContent(replica: SandboxReplica, names: readonly DocumentName[]): Map<string, string> {
  return new Map(names.map((name) => [name, contentOf(replica, name)]));
}

function contentOf(replica: SandboxReplica, name: DocumentName): string {
  if (classifyDocument(name)?.kind === 'registers') {
    const [kind, owner] = name.split('/') as ['host' | 'notes', string];
    const values = replica.registers(kind, Number(owner) as MemberId);
    return JSON.stringify([...values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, sorted(value)]));
  }
  const doc = replica.document(name);
  const roots = [...doc.share.keys()].sort().map((root) => [root, rootContent(doc, root)] as const);
  return JSON.stringify(roots.filter(([, content]) => content !== '' && JSON.stringify(content) !== '{}'));
}

function rootContent(doc: Y.Doc, root: string): unknown {
  return root === 'text' ? doc.getText(root).toString() : sorted(plain(doc.getMap(root)));
}

function plain(value: unknown): unknown {
  if (value instanceof Y.Text) return { text: value.toString() };
  if (value instanceof Y.Map || value instanceof Y.Array) return value.toJSON();
  return value;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
