import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { classifyDocument, MAX_DOCUMENT_NAME_LENGTH } from '#shared/documents/document-name.ts';

test('each document names the right its writers need', () => {
  const right = (name: string): string | undefined => classifyDocument(name)?.right;
  assert.is(right('debug'), 'breakpoint');
  assert.is(right('probes'), 'evaluate');
  assert.is(right('experiments'), 'experiment');
  assert.is(right('draft/src/a.ts'), 'edit');
  assert.is(right('notes/3'), 'comment');
  assert.is(right('host/3'), 'host');
  assert.is(right('state/3/cart'), 'host');
});

test('what belongs to one member names that member', () => {
  assert.is(classifyDocument('host/3')?.owner, 3);
  assert.is(classifyDocument('notes/2097151')?.owner, 2097151);
  assert.is(classifyDocument('state/3/a/b')?.owner, 3);
  assert.is(classifyDocument('debug')?.owner, undefined);
});

test('a name that is no document is refused', () => {
  for (const name of [
    '',
    'Debug',
    'debug/1',
    'other',
    'draft/',
    'draft',
    'host/',
    'host/0',
    'host/03',
    'host/3/x',
    'host/+3',
    'host/3.0',
    'host/1e1',
    'host/2097152',
    'host/ 3',
    'state/3',
    'state/3/',
    'state//x',
    '__proto__',
    `draft/${'x'.repeat(MAX_DOCUMENT_NAME_LENGTH)}`,
  ]) {
    assert.is(classifyDocument(name), undefined, JSON.stringify(name));
  }
});

test.run();
