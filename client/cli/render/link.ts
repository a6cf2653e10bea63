/** The link: as text always, as a QR code where there is room for it. */

import type { CommandResult } from '#protocol/catalogue/catalogue.ts';
import type { Output } from '../output.ts';
import { formatDuration } from './time.ts';

type LinkResult = CommandResult<'sandbox.open'>;

/** Columns and rows of a QR code in half blocks, with a quiet zone of one. */
interface QrCode {
  readonly lines: readonly string[];
  readonly columns: number;
}

async function qrCode(text: string): Promise<QrCode> {
  const { encode } = await import('uqr');
  const { data, size } = encode(text, { ecc: 'L', border: 1 });
  const lines: string[] = [];
  for (let row = 0; row < size; row += 2) {
    let line = '';
    for (let column = 0; column < size; column++) {
      const upper = data[row]?.[column] === true;
      const lower = data[row + 1]?.[column] === true;
      // Dark modules must be dark on dark terminals too, so light ones are painted.
      line += upper ? (lower ? ' ' : '▄') : lower ? '▀' : '█';
    }
    lines.push(line);
  }
  return { lines, columns: size };
}

export interface LinkTextOptions {
  readonly output: Output;
  /** Stream and colours it goes to. */
  readonly to: 'stdout' | 'stderr';
  /** A QR code needs a terminal with at least this many rows to spare beside it. */
  readonly qr: boolean;
}

/** The lines that tell a person about an opened sandbox: its name, the link, what the link gives and until when. */
export async function linkText(result: LinkResult, options: LinkTextOptions): Promise<string> {
  const { output } = options;
  const colors = options.to === 'stdout' ? output.colors : output.errorColors;
  const { sandbox, link, role, expiresAt } = result;
  const lines: string[] = [];
  if (link === undefined) {
    return `${colors.bold(sandbox.name)} is open, private: nothing listens. "sandmesh share" gives a link.`;
  }
  const qr = options.qr ? await fittingQr(link, output, options.to) : undefined;
  if (qr !== undefined) lines.push(...qr.lines.map((line) => colors.reset(line)), '');
  lines.push(`${colors.bold(sandbox.name)} is open ${whereOpen(result)}. Whoever has this link may ask to join:`);
  lines.push(`  ${colors.cyan(link)}`);
  const terms = [
    role === undefined ? undefined : `as ${role}`,
    expiresAt === undefined ? undefined : `valid for ${formatDuration(expiresAt - Date.now())}`,
  ].filter((term) => term !== undefined);
  lines.push(colors.dim(`  ${[...terms, `join with: sandmesh join '<link>'`].join(', ')}`));
  return lines.join('\n');
}

/** What is shared with the network is so only where this machine has an address there. */
function whereOpen({ sandbox, addresses }: LinkResult): string {
  if (sandbox.reach !== 'lan') return 'on this machine ("sandmesh share" for the network)';
  if (addresses.some((address) => !address.startsWith('/ip4/127.'))) return 'on your network';
  return 'on this machine alone, which has no IPv4 address on a network now ("sandmesh share" again when it has)';
}

async function fittingQr(link: string, output: Output, to: 'stdout' | 'stderr'): Promise<QrCode | undefined> {
  const stream = output[to];
  if (stream.isTTY !== true || (stream.columns ?? 0) < 30 || (stream.rows ?? 0) < 24) return undefined;
  const code = await qrCode(link);
  const fits = code.columns <= (stream.columns ?? 0) && code.lines.length + 6 <= (stream.rows ?? 0);
  return fits ? code : undefined;
}
