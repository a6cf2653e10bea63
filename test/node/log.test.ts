import fs, { readFileSync, statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createLogger } from '#node/log.ts';
import { withFolder } from './temporary-folder.ts';

/** The disk has room for so many more bytes while `body` runs. */
function withRoomFor(bytes: number, body: () => void): void {
  const { writeSync } = fs;
  let room = bytes;
  const fill = (fd: number, data: Uint8Array | string, offset = 0): number => {
    if (room === 0) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
    const part = Buffer.from(data).subarray(offset, offset + room);
    room -= part.length;
    return writeSync(fd, part);
  };
  fs.writeSync = fill as typeof fs.writeSync;
  syncBuiltinESMExports();
  try {
    body();
  } finally {
    fs.writeSync = writeSync;
    syncBuiltinESMExports();
  }
}

test('lines go to a file of the user alone, at once, and secrets do not', () =>
  withFolder((folder) => {
    const file = join(folder, 'daemon.log');
    const log = createLogger(file, 'info');
    log.info({ link: 'sandmesh:#x' }, 'hello');
    log.debug('too fine');
    const [line, ...more] = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.equal([JSON.parse(line ?? '').msg, JSON.parse(line ?? '').link, more], ['hello', '(secret)', []]);
    assert.is(statSync(file).mode & 0o777, 0o600);
  }));

test('a full disk ends nobody who logs, not even fatally; with room again the log says what it lost', () =>
  withFolder((folder) => {
    const file = join(folder, 'daemon.log');
    const log = createLogger(file, 'info');
    log.info('before');
    withRoomFor(10, () => {
      log.error('torn');
      log.error('lost');
      log.fatal('lost too');
    });
    log.info('after');
    log.info('and on');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.is(lines[1]?.length, 10);
    const whole = lines.toSpliced(1, 1).map((line) => JSON.parse(line));
    assert.equal(
      whole.map(({ msg, lost }) => [msg, lost]),
      [
        ['before', undefined],
        ['lines before this found no room', 3],
        ['after', undefined],
        ['and on', undefined],
      ],
    );
  }));

test.run();
