/** Deliberate defects of parsers, as changes of their text while it is loaded: the fuzzer must find every one. */

import type { Patch } from '../simulate/load.ts';

export interface ParserDefect {
  readonly name: string;
  /** Target that must find it. */
  readonly target: string;
  readonly patch: Patch;
}

function defect(name: string, target: string, file: string, find: string, replace: string): ParserDefect {
  return { name, target, patch: { file, find, replace } };
}

export const PARSER_DEFECTS: readonly ParserDefect[] = [
  defect(
    'a header that has not all come',
    'frames',
    'protocol/frame.ts',
    'if (this.#buffered < FRAME_HEADER_BYTES) return undefined;',
    'if (this.#buffered < 1) return undefined;',
  ),
  defect(
    'numbers in any form',
    'canonical CBOR',
    'protocol/canonical-cbor.ts',
    "if (value < least) throw new RangeError('a number that is not in its shortest form');",
    'if (least < 0) return 0;',
  ),
  defect(
    'a payload that is not the one signed',
    'envelopes',
    'protocol/envelope.ts',
    "if (!equalBytes(header.payloadHash, crypto.sha256(payload))) throw bad('its payload does not match its hash');",
    '',
  ),
  defect(
    'an entry with two texts',
    'control entries',
    'protocol/control-entry.ts',
    "if (base64url.encode(decoded) !== text) throw bad('it is not canonical base64url');",
    '',
  ),
  defect(
    'arguments that nobody declared',
    'arguments of commands, bodies of requests',
    'node/pipeline/parse.ts',
    'schema = definition.args.strict();',
    'schema = definition.args.loose();',
  ),
  defect(
    'two hosts in one request',
    'heads of HTTP requests',
    'node/gateway/http/request-guard.ts',
    'if (hosts.length !== 1) return',
    'if (hosts.length === 0) return',
  ),
  defect(
    'a value with two texts',
    'register writes',
    'shared/documents/register-table.ts',
    "if (JSON.stringify(json) !== text) throw new SyntaxError('not in canonical form');",
    '',
  ),
  defect(
    'a record that nobody wrote',
    'log files',
    'node/storage/log-format.ts',
    'return readUint32(chunk, at + 4) === crc32(',
    'return readUint32(chunk, at + 4) >= 0 || 0 === crc32(',
  ),
  defect(
    'any cost of a passphrase',
    'settings and key files',
    'node/security/sealed-seed.ts',
    'N: z.number().int().min(2).max(MAX_N),',
    'N: z.number().int(),',
  ),
  defect(
    'clocks that leave a gap',
    'updates',
    'shared/documents/update-check.ts',
    'if (first.clock !== context.clock) {',
    'if (first.clock < context.clock) {',
  ),
  defect(
    'what its author had not seen',
    'updates',
    'shared/documents/update-check.ts',
    "if (id.clock >= limit) throw new UpdateRefusal('it refers to what its author had not seen');",
    '',
  ),
  defect(
    'deletes of the future',
    'updates',
    'shared/documents/update-check.ts',
    'if (range.clock + range.length > limit) throw',
    'if (range.clock + range.length < 0) throw',
  ),
];
