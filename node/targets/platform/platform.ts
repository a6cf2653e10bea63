/**
 * What the attachment layer asks of the operating system about other processes. One file per system implements it;
 * every answer is a snapshot that may be out of date when it arrives.
 */

export interface ProcessInfo {
  readonly pid: number;
  readonly ppid: number;
  /** Numeric user id; undefined where the system has none (Windows). */
  readonly uid: number | undefined;
  /** Command line split into arguments; exact on Linux, split at spaces elsewhere. */
  readonly argv: readonly string[];
  /** Path of the running binary, if readable. */
  readonly executable: string | undefined;
}

export interface ListeningPort {
  /** As bound: `127.0.0.1`, `::1`, `0.0.0.0`, `::`. */
  readonly address: string;
  readonly port: number;
}

export interface ProcessUsage {
  readonly rssBytes: number;
  /** User and system time since the start. */
  readonly cpuMs: number;
}

/**
 * What SIGUSR1 would do to a process: `caught` by it (Node's own handler or the program's), `fatal`, `ignored`, or
 * `unknown` where the system does not tell.
 */
export type DebugSignalEffect = 'caught' | 'ignored' | 'fatal' | 'unknown';

export interface Platform {
  /** Processes of every user that this one may see. */
  listProcesses(): Promise<readonly ProcessInfo[]>;
  /** @returns undefined when there is no such process, or only its zombie */
  processInfo(pid: number): Promise<ProcessInfo | undefined>;
  isRunning(pid: number): Promise<boolean>;
  /** @returns undefined when gone or not permitted */
  workingFolder(pid: number): Promise<string | undefined>;
  /** @returns milliseconds since the epoch, good to some 20 ms (a second on macOS); undefined when gone */
  startedAt(pid: number): Promise<number | undefined>;
  /** TCP ports a process listens on; empty when gone or not permitted. */
  listeningPorts(pid: number): Promise<readonly ListeningPort[]>;
  /** @returns the pid that listens on a loopback port, if it may be seen */
  portOwner(port: number): Promise<number | undefined>;
  /** Established TCP connections that a local port serves. */
  connectionsTo(port: number): Promise<number>;
  /** @returns undefined when gone */
  usage(pid: number): Promise<ProcessUsage | undefined>;
  debugSignalEffect(pid: number): Promise<DebugSignalEffect>;
  /** The address on which a server listens for what Unix would put at `path`. */
  socketAddress(path: string): string;
}

const NODE_NAME = /^(?:node|nodejs|node-?\d[\d.]*|iojs)(?:\.exe)?$/i;

/** Whether it looks like Node by its binary, or by its name where the binary is not readable. */
export function isNodeProcess({ executable, argv }: ProcessInfo): boolean {
  const name = (executable ?? argv[0] ?? '').split(/[\\/]/).pop() ?? '';
  // Linux marks a binary that was replaced while running, as package upgrades do
  return NODE_NAME.test(name.replace(/ \(deleted\)$/, ''));
}
