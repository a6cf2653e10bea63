/**
 * The daemon, put together: every room by plain constructors, in one place. Nothing here decides anything.
 */

import { join } from 'node:path';
import { SandboxError } from '#shared/errors.ts';
import { type DaemonFacts, daemonHandlers } from './daemon-handlers.ts';
import { debugHandlers } from './engine/debug/debug-handlers.ts';
import { snapshotHandlers } from './engine/snapshots/snapshot-handlers.ts';
import { CdpGateway } from './gateway/cdp/cdp-gateway.ts';
import { CliGateway } from './gateway/cli-gateway.ts';
import { DapGateway } from './gateway/dap/dap-gateway.ts';
import { documentHandlers } from './gateway/documents/document-handlers.ts';
import type { LocalApi } from './gateway/http/local-api.ts';
import { tokenHandlers } from './gateway/http/token-handlers.ts';
import { IdleWatch } from './idle-watch.ts';
import type { Logger } from './log.ts';
import { PeerNetwork } from './network/peer-network.ts';
import { CallLimits } from './pipeline/limits.ts';
import { Pipeline } from './pipeline/pipeline.ts';
import { PresenceWatch } from './presence-watch.ts';
import { accessHandlers } from './sandbox/access-handlers.ts';
import { adoptLaunched, attachDaemonHandlers, attachHandlers } from './sandbox/attach-handlers.ts';
import { ClientEvents } from './sandbox/client-events.ts';
import { controlKeyHandlers } from './sandbox/control-key-handlers.ts';
import { DebugSessions } from './sandbox/debug-sessions.ts';
import { draftHandlers } from './sandbox/draft-handlers.ts';
import { leaveHandler } from './sandbox/leave-handler.ts';
import { memberHandlers } from './sandbox/member-handlers.ts';
import type { RunningSandbox } from './sandbox/running-sandbox.ts';
import { SandboxFolders } from './sandbox/sandbox-folder.ts';
import { sandboxDaemonHandlers, sandboxHandlers } from './sandbox/sandbox-handlers.ts';
import { SandboxRegistry } from './sandbox/sandbox-registry.ts';
import { storageDaemonHandlers, storageHandlers } from './sandbox/storage-handlers.ts';
import { TopicHub } from './sandbox/topic-hub.ts';
import { anchorAudit, anchorIn } from './security/audit/audit-anchor.ts';
import { auditHandlers } from './security/audit/audit-handlers.ts';
import { AuditLog } from './security/audit/audit-log.ts';
import { AuditTrail } from './security/audit/audit-trail.ts';
import { NodeCrypto } from './security/crypto.ts';
import { HostPolicy } from './security/host-policy.ts';
import type { SigningKey } from './security/identity.ts';
import { policyHandlers } from './security/policy-handlers.ts';
import type { ConfigStore } from './storage/config.ts';
import type { Home } from './storage/home.ts';
import { Projects } from './storage/projects.ts';
import { Attachment } from './targets/attachment.ts';

export interface DaemonOptions {
  readonly home: Home;
  readonly config: ConfigStore;
  readonly deviceKey: SigningKey;
  readonly log: Logger;
  readonly version: string;
  /** Unlocks control keys that are kept under it; from SANDMESH_PASSPHRASE. */
  readonly passphrase?: string | undefined;
  /** Folder of the bundled harness. */
  readonly distDir: string;
  /** The daemon wants to end: asked to, or nothing needs it. */
  readonly onStop: (reason: string) => void;
}

/** What a daemon may lose of its audit log's tail to somebody with its key: the lines of this long. */
const ANCHOR_EVERY_MS = 60_000;

export class Daemon {
  readonly #options: DaemonOptions;
  readonly #hub = new TopicHub();
  readonly #hostPolicy: HostPolicy;
  readonly #auditLog: AuditLog;
  readonly #trail: AuditTrail;
  #anchoring: NodeJS.Timeout | undefined;
  readonly #network: PeerNetwork;
  readonly #attachment: Attachment;
  readonly #folders: SandboxFolders;
  readonly #registry: SandboxRegistry;
  readonly #pipeline: Pipeline<RunningSandbox>;
  readonly #gateway: CliGateway;
  readonly #clientEvents = new ClientEvents();
  readonly #cdp: CdpGateway;
  readonly #dap: DapGateway;
  #api: LocalApi | undefined;
  #apiFailure: SandboxError | undefined;
  #apiStarting: Promise<void> = Promise.resolve();
  readonly #idle: IdleWatch;
  readonly #presence: PresenceWatch;
  readonly #startedAt = Date.now();
  #stopAdopting: () => void = () => undefined;
  #isLost = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    const { home, config, deviceKey, log, distDir } = options;
    const onError = (error: unknown): void => log.error({ err: error }, 'a fault nobody waited for');
    const crypto = new NodeCrypto();
    this.#hostPolicy = new HostPolicy(join(home.configDir, 'policy.json'));
    this.#auditLog = new AuditLog({ folder: home.auditDir, signer: deviceKey, crypto });
    this.#trail = new AuditTrail(this.#auditLog, onError);
    this.#network = new PeerNetwork({
      deviceKey,
      portFile: join(home.dataDir, 'port'),
      port: config.get('network.port'),
      crypto,
      onCall: (sandbox, member, call, signal) =>
        this.#pipeline.run({
          command: call.command,
          args: call.args,
          origin: { kind: 'peer', member },
          session: `peer-${sandbox}-${member}`,
          sandbox,
          folder: undefined,
          timeoutMs: call.timeoutMs,
          signal,
        }),
      onCast: (sandbox, member, cast) => this.#clientEvents.accept(sandbox, member, cast),
    });
    this.#attachment = new Attachment({
      distDir,
      socketPath: home.targetsSocket,
      launchKeyFile: join(home.keysDir, 'launch.key'),
    });
    this.#attachment.events.on('refused', (error) => log.warn({ code: error.code }, error.message));
    this.#folders = new SandboxFolders(home, deviceKey, options.passphrase);
    this.#registry = new SandboxRegistry({
      folders: this.#folders,
      projects: new Projects(home.projectsFile),
      config,
      network: this.#network,
      crypto,
      hub: this.#hub,
      clientEvents: this.#clientEvents,
      hostPolicy: this.#hostPolicy,
      trail: this.#trail,
      onError,
      onActivity: () => this.#idle.touch(),
    });
    this.#cdp = new CdpGateway({
      run: (request) => this.#pipeline.run(request),
      events: this.#clientEvents,
      hub: this.#hub,
      onClients: () => this.#idle.touch(),
      onError,
    });
    this.#pipeline = this.#createPipeline(onError, crypto);
    this.#gateway = new CliGateway({
      socketPath: home.daemonSocket,
      run: (request) => this.#pipeline.run(request),
      hub: this.#hub,
      resolveSandbox: (sandbox, folder) => this.#registry.resolve(sandbox, folder),
      onClients: () => this.#idle.touch(),
      onSessionEnd: (session) => this.#clientLeft(session),
      onError,
    });
    this.#dap = new DapGateway({
      socketPath: home.dapSocket,
      ownCommand: [process.execPath, join(distDir, 'cli.cjs')],
      run: (request) => this.#pipeline.run(request),
      hub: this.#hub,
      resolveSandbox: (sandbox, folder) => this.#registry.resolve(sandbox, folder),
      onClients: () => this.#idle.touch(),
      onSessionEnd: (session) => this.#clientLeft(session),
      onError,
    });
    this.#idle = new IdleWatch(
      config.get('daemon.idleMs'),
      () => this.#isNeeded(),
      () => options.onStop('nothing needs it'),
    );
    this.#presence = new PresenceWatch(
      () => this.#gateway.isFound() && this.#attachment.isFound(),
      () => {
        this.#isLost = true;
        options.onStop('its sockets were removed: nobody can reach it');
      },
    );
  }

  /** Answers on the CLI's socket when this resolves. */
  async start(): Promise<void> {
    await this.#attachment.start();
    this.#stopAdopting = adoptLaunched(this.#attachOptions());
    // Whoever starts a daemon waits for the CLI's socket: by then the editors' is there too.
    await this.#dap.start();
    await this.#gateway.start();
    this.#apiStarting = this.#startApi();
    this.#idle.touch();
    this.#presence.start();
    this.#hostPolicy.start();
    this.#anchoring = setInterval(() => this.#anchor(), ANCHOR_EVERY_MS).unref();
    // So that members find us, and programs that outlived the last daemon their sandbox. Failures are logged one by one.
    // After the local API, which a client may be waiting for: opening them takes the processor for a while.
    void this.#apiStarting.then(() => this.#registry.all());
  }

  /** Programs run on, members are told, everything is durable. Safe to call twice. */
  async stop(): Promise<void> {
    this.#idle.stop();
    this.#presence.stop();
    this.#hostPolicy.stop();
    clearInterval(this.#anchoring);
    this.#stopAdopting();
    // Whoever keeps a daemon up for its program starts the next one.
    await this.#gateway.stop({ farewell: !this.#isLost });
    await this.#cdp.stop();
    await this.#dap.stop();
    await this.#apiStarting;
    await this.#api?.stop();
    await this.#registry.stop();
    await Promise.allSettled([this.#attachment.stop(), this.#network.stop()]);
    await this.#trail.close();
  }

  #clientLeft(session: string): void {
    for (const sandbox of this.#registry.running()) sandbox.clientLeft(session);
  }

  /** Tells the head of the audit log to the other members. */
  #anchor(): void {
    const { log } = this.#options;
    for (const { replica } of this.#registry.running()) {
      // Alone there is nobody to tell.
      if (replica.control.members.size < 2) continue;
      anchorAudit(replica, this.#auditLog.head).catch((err: unknown) =>
        log.error({ err }, 'cannot anchor the audit log'),
      );
    }
  }

  /** The CLI works without it: what keeps it from running is told in the log and by "sandmesh status". */
  async #startApi(): Promise<void> {
    const { config, home, log, version } = this.#options;
    try {
      const { LocalApi: Api } = await import('./gateway/http/local-api.ts');
      this.#api = await Api.start({
        config,
        keysDir: home.keysDir,
        portFile: join(home.dataDir, 'api-port'),
        version,
        hub: this.#hub,
        run: (request) => this.#pipeline.run(request),
        resolveSandbox: (sandbox, folder) => this.#registry.resolve(sandbox, folder),
        onClients: () => this.#idle.touch(),
        onSessionEnd: (session) => this.#clientLeft(session),
        onRefusal: ({ status, detail }) => log.warn({ status }, detail),
        onMoreRefusals: (counts) => log.warn({ counts }, 'more requests were refused in the last minute'),
        onError: (error) => log.error({ err: error }, 'the local API failed'),
        gauges: () => this.#gauges(),
      });
    } catch (error) {
      this.#apiFailure = SandboxError.from(error);
      const { code, message, hint } = this.#apiFailure;
      log.error({ code, hint }, message);
    }
  }

  #apiState(): ReturnType<DaemonFacts['api']> {
    const api = this.#api?.origin;
    const trouble = this.#apiFailure ?? this.#api?.trouble;
    const { message, hint } = trouble ?? {};
    return {
      ...(api === undefined ? {} : { api }),
      ...(message === undefined ? {} : { apiTrouble: { message, ...(hint === undefined ? {} : { hint }) } }),
    };
  }

  #attachOptions() {
    const { config, log } = this.#options;
    const onError = (error: unknown): void => log.error({ err: error }, 'cannot take in a process');
    const adapters = () => config.get('debug.adapters');
    return { attachment: this.#attachment, registry: this.#registry, adapters, onError };
  }

  #createPipeline(onFault: (fault: unknown) => void, crypto: NodeCrypto): Pipeline<RunningSandbox> {
    const { config, version, home, deviceKey, onStop } = this.#options;
    const registry = this.#registry;
    const shared = { registry, network: this.#network, config, hub: this.#hub };
    const debugSessions = new DebugSessions(registry);
    const facts = {
      version,
      home: home.dataDir,
      startedAt: this.#startedAt,
      peerId: () => undefined,
      addresses: () => this.#network.addresses(),
      api: () => this.#apiState(),
      counts: () => this.#counts(),
    };
    return new Pipeline({
      limits: new CallLimits(() => performance.now()),
      resolveSandbox: (sandbox, folder) => registry.resolve(sandbox, folder),
      sandboxHandlers: {
        ...debugHandlers,
        ...this.#cdp.handlers(),
        ...snapshotHandlers,
        ...memberHandlers((sandbox) => {
          registry
            .running()
            .find(({ id }) => id === sandbox.id)
            ?.announcePresence();
        }),
        ...sandboxHandlers(shared),
        ...accessHandlers({ ...shared, folders: this.#folders }),
        ...controlKeyHandlers(this.#folders),
        ...policyHandlers(this.#hostPolicy),
        ...storageHandlers({
          folders: this.#folders,
          anchor: (replica) => anchorAudit(replica, this.#auditLog.head),
        }),
        ...leaveHandler({ registry, folders: this.#folders, archiveDir: join(home.dataDir, 'archive') }),
        ...debugSessions.sandboxHandlers(),
        ...draftHandlers(),
        ...documentHandlers(() => this.#apiStarting.then(() => this.#api)),
        ...attachHandlers(this.#attachOptions()),
      },
      daemonHandlers: {
        ...daemonHandlers(facts, config, () => onStop('asked to')),
        ...sandboxDaemonHandlers(shared),
        ...debugSessions.daemonHandlers(),
        ...tokenHandlers(() => this.#apiStarting.then(() => this.#api?.tokens)),
        ...auditHandlers({
          log: this.#auditLog,
          folder: home.auditDir,
          crypto,
          key: deviceKey.publicKey,
          anchors: async () => (await registry.all()).opened.flatMap(({ replica }) => anchorIn(replica) ?? []),
        }),
        ...storageDaemonHandlers({
          folders: this.#folders,
          registry,
          sandboxesDir: home.sandboxesDir,
          deviceKey: deviceKey.publicKey,
          crypto,
        }),
        ...attachDaemonHandlers(this.#attachOptions()),
      },
      callPeer: (sandbox, member, command, args, options) =>
        this.#network.call(sandbox, member, command, args, options),
      audit: this.#trail,
      onFault,
    });
  }

  #counts() {
    const running = this.#registry.running();
    return {
      sandboxes: running.length,
      targets: this.#attachment.processes.size,
      clients: this.#gateway.clients + this.#dap.clients + this.#cdp.clients + (this.#api?.clients ?? 0),
      peers: running.reduce((sum, sandbox) => sum + sandbox.online.size, 0),
    };
  }

  #gauges() {
    const { sandboxes, targets, peers } = this.#counts();
    const heads = this.#registry.running().flatMap(({ replica }) => replica.heads());
    const envelopes = heads.reduce((sum, { seq }) => sum + seq, 0);
    return { sandboxes, targets, peers, cliClients: this.#gateway.clients, envelopes };
  }

  #isNeeded(): boolean {
    const { targets, clients, peers } = this.#counts();
    const waiting = this.#registry.running().some((sandbox) => sandbox.requests.list().length > 0);
    return targets > 0 || clients > 0 || peers > 0 || waiting;
  }
}
