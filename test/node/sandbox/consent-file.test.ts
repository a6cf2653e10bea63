import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { consentFile } from '#node/sandbox/consent-file.ts';
import { type ConsentSubject, Consents } from '#node/security/consent.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { withFolder } from '../temporary-folder.ts';

const subject: ConsentSubject = { member: 2 as MemberId, program: 'shop', right: 'evaluate' };

test('answers are in the file for the next daemon', () =>
  withFolder((folder) => {
    const file = join(folder, 'consents.json');
    const errors: unknown[] = [];
    new Consents(consentFile(file, (error) => errors.push(error))).record(subject, 'allow');
    assert.is(new Consents(consentFile(file, (error) => errors.push(error))).answer(subject), 'allow');
    assert.equal(errors, []);
  }));

for (const [what, text] of [
  ['cut short', '{"version":1,"answers":[{"member":2,'],
  ['of a shape nobody knows', '{"version":9,"answers":"all"}'],
] as const) {
  test(`a file ${what} means that everybody is asked again; it is kept aside and told of`, () =>
    withFolder((folder) => {
      const file = join(folder, 'consents.json');
      writeFileSync(file, text);
      const errors: unknown[] = [];
      const consents = new Consents(consentFile(file, (error) => errors.push(error)));
      assert.is(consents.answer(subject), 'ask');
      const [error] = errors as SandboxError[];
      assert.is(errors.length, 1);
      assert.ok(error instanceof SandboxError);
      assert.is(error.code, 'STORAGE_CORRUPT');
      assert.match(error.hint ?? '', `${file}.unusable`);
      assert.is(readFileSync(`${file}.unusable`, 'utf8'), text);
      consents.record(subject, 'deny');
      assert.is(new Consents(consentFile(file, () => undefined)).answer(subject), 'deny');
    }));
}

test('something that is no file in its place is told of, and everybody is asked', () =>
  withFolder((folder) => {
    const file = join(folder, 'consents.json');
    mkdirSync(file);
    const errors: unknown[] = [];
    const consents = new Consents(consentFile(file, (error) => errors.push(error)));
    assert.is(consents.answer(subject), 'ask');
    assert.is(errors.length, 1);
  }));

test.run();
