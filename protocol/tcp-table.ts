/** Whose a TCP connection is, as Linux lists it: lines of `/proc/net/tcp`, one per end. */

export interface TcpEnd {
  /** Dotted. */
  readonly address: string;
  readonly port: number;
}

const ESTABLISHED = '01';

/**
 * @param table text of `/proc/net/tcp`
 * @param ends `from`: the end asked about
 * @returns the numeric user id it belongs to; undefined when the table has no such established connection
 */
export function userOfConnection(
  table: string,
  { from, to }: { readonly from: TcpEnd; readonly to: TcpEnd },
): number | undefined {
  const [local, remote] = [written(from), written(to)];
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1] !== local || fields[2] !== remote || fields[3] !== ESTABLISHED) continue;
    const user = Number(fields[7]);
    return Number.isInteger(user) ? user : undefined;
  }
  return undefined;
}

/** `127.0.0.1:80` is `0100007F:0050`: the address in the order of this machine's bytes, little endian. */
function written({ address, port }: TcpEnd): string {
  const bytes = address.split('.').map((part) => hex(Number(part), 2));
  return `${bytes.reverse().join('')}:${hex(port, 4)}`;
}

function hex(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, '0');
}
