/**
 * The local API put together: tokens, server, REST, WebSocket. On loopback unless the user says otherwise, twice: an
 * address beyond it needs `api.exposed` too.
 */

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { DOCUMENTS_PATH } from '#protocol/api/document-messages.ts';
import { UI_PROTOCOL } from '#protocol/api/ui-messages.ts';
import { SandboxError } from '#shared/errors.ts';
import type { SandboxId } from '#shared/ids.ts';
import type { CommandRequest } from '../../pipeline/request.ts';
import type { RunningSandbox } from '../../sandbox/running-sandbox.ts';
import { TopicBacklog } from '../../sandbox/topic-backlog.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import { AccessTokens } from '../../security/access-tokens.ts';
import { type ConfigStore, namesIn } from '../../storage/config.ts';
import { readPort, rememberPort } from '../../storage/port-file.ts';
import { DocumentGateway } from '../documents/document-gateway.ts';
import { HttpGateway } from './http-gateway.ts';
import { isEverywhere, refuseUpgrade } from './http-server.ts';
import type { DaemonGauges } from './metrics-routes.ts';
import { type OwnCertificate, readOwnCertificate } from './own-certificate.ts';
import { RefusalLog, type RefusalSink } from './refusal-log.ts';
import { UI_PATH, UiGateway } from './ui-gateway.ts';

export interface LocalApiOptions extends RefusalSink {
  readonly config: ConfigStore;
  readonly keysDir: string;
  readonly portFile: string;
  readonly version: string;
  readonly hub: TopicHub;
  readonly run: (request: CommandRequest) => Promise<unknown>;
  readonly resolveSandbox: (sandbox: SandboxId | undefined, folder: string | undefined) => Promise<RunningSandbox>;
  /** Told when WebSockets come and go. */
  readonly onClients: () => void;
  /** One of them is closed that had a session. */
  readonly onSessionEnd: (session: string) => void;
  readonly onError: (error: unknown) => void;
  /** Wall clock, in ms since 1970; the machine's unless given. */
  readonly now?: () => number;
  readonly gauges: () => Omit<DaemonGauges, 'webSockets' | 'droppedEvents'>;
}

export class LocalApi {
  readonly tokens: AccessTokens;
  readonly documents: DocumentGateway;
  readonly #gateway: HttpGateway;
  readonly #ui: UiGateway;
  readonly #backlog: TopicBacklog;
  readonly #refusals: RefusalLog;
  readonly #place: Place;

  private constructor(
    tokens: AccessTokens,
    gateway: HttpGateway,
    ui: UiGateway,
    documents: DocumentGateway,
    backlog: TopicBacklog,
    refusals: RefusalLog,
    place: Place,
  ) {
    this.tokens = tokens;
    this.#place = place;
    this.#refusals = refusals;
    this.#gateway = gateway;
    this.#ui = ui;
    this.documents = documents;
    this.#backlog = backlog;
  }

  /**
   * Listens.
   *
   * @throws {SandboxError} BAD_KEY, CONFIG_INVALID, HOME_UNWRITABLE
   */
  static async start(options: LocalApiOptions): Promise<LocalApi> {
    const { config, hub, run, resolveSandbox, onClients, onSessionEnd, portFile } = options;
    const tokens = await AccessTokens.open(options.keysDir, options.now ?? Date.now);
    const backlog = new TopicBacklog(hub, (ms, task) => {
      const timer = setTimeout(task, ms).unref();
      return () => clearTimeout(timer);
    });
    const ui = new UiGateway({ tokens, run, hub, backlog, resolveSandbox, onClients, onSessionEnd });
    const documents = new DocumentGateway({
      tokens,
      hub,
      resolveSandbox: (sandbox) => resolveSandbox(sandbox, undefined),
      onClients,
      onError: options.onError,
    });
    const refusals = new RefusalLog(options);
    const place = await placeOf(config);
    const create = (port: number): HttpGateway =>
      new HttpGateway({
        ...place,
        port,
        tokens,
        run,
        version: options.version,
        gauges: () => ({
          ...options.gauges(),
          webSockets: ui.clients + documents.clients,
          droppedEvents: ui.dropped,
        }),
        now: () => performance.now(),
        onUpgrade: (request, socket, head) => {
          if (request.url?.startsWith(`${DOCUMENTS_PATH}/`)) return void documents.upgrade(request, socket, head);
          if (request.url?.split('?')[0] === UI_PATH) return void ui.upgrade(request, socket, head);
          refuseUpgrade(socket, noUpgrade(request));
        },
        onRefusal: (refusal) => refusals.note(refusal),
        onError: options.onError,
      });
    const gateway = await listen(create, config.get('api.port'), portFile);
    ui.start();
    documents.start();
    return new LocalApi(tokens, gateway, ui, documents, backlog, refusals, place);
  }

  /** `http://127.0.0.1:<port>` */
  get origin(): string {
    return this.#gateway.origin;
  }

  /** What keeps clients away although it answers. */
  get trouble(): SandboxError | undefined {
    const { host, names, tls } = this.#place;
    if (isEverywhere(host) && names.length === 0) {
      return new SandboxError('CONFIG_INVALID', `The local API on "${host}" serves this machine only: it has no name`, {
        hint: 'Put the names or addresses by which others reach this machine in "api.names", then "sandmesh stop".',
      });
    }
    const { validUntil = Infinity } = tls ?? {};
    if (Date.now() <= validUntil) return undefined;
    const date = new Date(validUntil).toISOString().slice(0, 10);
    return new SandboxError('CONFIG_INVALID', `The certificate of the local API was good until ${date}`, {
      hint: 'Clients refuse it: put a new one in its place, and "sandmesh stop".',
    });
  }

  get clients(): number {
    return this.#ui.clients + this.documents.clients;
  }

  async stop(): Promise<void> {
    this.#ui.stop();
    this.documents.stop();
    this.#backlog.stop();
    await this.#gateway.stop();
    this.#refusals.stop();
  }
}

/** A given port and no other; else the remembered one, so that addresses stay valid; else any. */
async function listen(create: (port: number) => HttpGateway, wanted: number, portFile: string): Promise<HttpGateway> {
  const remembered = wanted === 0 ? await readPort(portFile) : 0;
  for (const port of wanted === 0 && remembered !== 0 ? [remembered, 0] : [wanted]) {
    const gateway = create(port);
    try {
      const actual = await gateway.start();
      if (wanted === 0 && actual !== remembered) rememberPort(portFile, actual);
      return gateway;
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (port === remembered && remembered !== 0 && (code === 'EADDRINUSE' || code === 'EACCES')) continue;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SandboxError('CONFIG_INVALID', `Cannot serve the local API: ${reason}`, {
        hint: 'Change "api.port" or "api.host": "sandmesh config list" shows them.',
        cause,
      });
    }
  }
  throw new RangeError('A port was tried and neither taken nor refused');
}

/** Some clients offer HTTP/2 with every request: Java's own, and curl with --http2. */
function noUpgrade({ url = '', headers: { upgrade = '' } }: IncomingMessage): SandboxError {
  const isWebSocket = upgrade.toLowerCase() === 'websocket';
  const what = `Cannot upgrade "${url.slice(0, 80)}" to "${upgrade.slice(0, 80)}"`;
  return new SandboxError('UNKNOWN_COMMAND', what, {
    hint: isWebSocket ? `Use ${UI_PATH} with the subprotocol ${UI_PROTOCOL}.` : 'Send plain HTTP/1.1, without Upgrade.',
  });
}

interface Place {
  readonly host: string;
  readonly names: readonly string[];
  readonly tls: OwnCertificate | undefined;
}

async function placeOf(config: ConfigStore): Promise<Place> {
  const host = config.get('api.host');
  if (!isLoopback(host) && !config.get('api.exposed')) {
    throw new SandboxError('CONFIG_INVALID', `Cannot serve the local API on "${host}": it is beyond this machine`, {
      hint:
        'Set "api.exposed" to true as well if whoever reaches that address may try its tokens, give it a certificate, ' +
        'and "sandmesh stop".',
    });
  }
  return {
    host,
    names: namesIn(config.get('api.names')),
    tls: await readOwnCertificate(config.get('api.tlsCert'), config.get('api.tlsKey')),
  };
}

function isLoopback(host: string): boolean {
  return host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
