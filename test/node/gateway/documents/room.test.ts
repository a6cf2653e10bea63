/** What the pages of a room are shown of each other's edits, and when. */

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { WebSocket } from 'ws';
import { MESSAGE_SYNC, SYNC_UPDATE } from '#protocol/api/document-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import { until, within } from '#test/until.ts';
import { withFolders } from '../../network/replication/folder-fixture.ts';
import { withPages } from './pages.ts';

test('a page sees what another wrote before it is signed, and is sent away when it could not be signed after all', () =>
  withFolders(async ({ owner }) => {
    await withPages(owner, async ({ page, shared }) => {
      const a = await page();
      const opened = await shared();
      await until(() => opened.provider.synced && a.provider.synced, 'both are synced');
      const { replica, folder } = owner;
      const textHere = (): string => replica.document('draft/a').getText('text').toString();
      let told = 0;
      (opened.provider.ws as unknown as WebSocket).on('message', (data: ArrayBuffer) => {
        const [type, step] = new Uint8Array(data);
        if (type === MESSAGE_SYNC && step === SYNC_UPDATE) told++;
      });
      a.text.insert(0, 'fir');
      await until(() => textHere() === 'fir', 'it is entered');
      a.text.insert(3, 'st');
      await until(() => textHere() === 'first' && opened.doc.getText('text').toString() === 'first', 'so is the next');
      assert.is(told, 2);
      folder.fault = (what) => {
        if (what.startsWith('append sandbox.log')) throw new SandboxError('HOME_UNWRITABLE', 'no room');
      };
      const before = opened.doc;
      const shown = within(new Promise((resolve) => before.once('update', resolve)), 'it is shown');
      const replaced = within(opened.events.next('replaced'), 'it opens the document again');
      a.text.insert(0, 'never ');
      await shown;
      assert.is(before.getText('text').toString(), 'never first');
      await replaced;
      folder.fault = () => undefined;
      await until(() => textHere() === 'never first', 'its author says it again once there is room', 20_000);
      await until(() => opened.doc.getText('text').toString() === 'never first', 'the other page has it too');
    });
  }));

test.run();
