/** The rooms of one sandbox, and where everybody is in its documents: told to other members, heard from them. */

import { chainOfClient, clientIdOf } from '#shared/documents/client-id.ts';
import { classifyDocument, type DocumentName } from '#shared/documents/document-name.ts';
import { fileOfDraft } from '#shared/documents/draft.ts';
import { SandboxError } from '#shared/errors.ts';
import type { MemberId } from '#shared/ids.ts';
import { MAX_PRESENT_PAGES, type PageState, type Presence } from '#shared/model/member.ts';
import { colorOf } from '../../sandbox/member-view.ts';
import type { RunningSandbox } from '../../sandbox/running-sandbox.ts';
import type { TopicHub } from '../../sandbox/topic-hub.ts';
import { formatRoom, PageRecord, type RoomName } from './page-record.ts';
import { Room } from './room.ts';
import type { Identity } from './room-awareness.ts';

export class SandboxRooms {
  readonly sandbox: RunningSandbox;
  readonly #record: PageRecord;
  readonly #rooms = new Map<DocumentName, Room>();
  /** Pages here that said where they are. */
  readonly #here = new Map<number, { readonly document: DocumentName; readonly state: PageState }>();
  /** Ids of other members' pages, as last heard. */
  readonly #elsewhere = new Map<MemberId, Map<number, DocumentName>>();
  readonly #off: (() => void)[];

  /**
   * @param onRights the rights of members may be others now
   * @param onEnd the sandbox was closed, and whoever was in its rooms sent away
   */
  constructor(sandbox: RunningSandbox, hub: TopicHub, onRights: () => void, onEnd: () => void) {
    this.sandbox = sandbox;
    const { replica } = sandbox;
    this.#record = new PageRecord(sandbox.folder, (document) => replica.makeup(document));
    const subscription = hub.subscribe(sandbox.id, ['presence', 'members'], ({ topic, event }) => {
      if (topic === 'presence') this.#hear((event as { presence: Presence }).presence);
      else this.#hearOf((event as { member: { id: MemberId; online: boolean } }).member);
    });
    this.#off = [
      () => subscription.close(),
      replica.events.on('reset', ({ document }) => this.#record.wasReset(document)),
      replica.events.on('checkpoint', () => this.#record.rebased()),
      replica.events.on('control', onRights),
      replica.events.on('stopped', () => {
        this.#end();
        onEnd();
      }),
    ];
    for (const member of replica.control.members.keys()) {
      const presence = sandbox.presence.get(member);
      if (presence !== undefined) this.#hear(presence);
    }
  }

  close(): void {
    for (const off of this.#off) off();
    for (const room of this.#rooms.values()) room.close();
    this.#rooms.clear();
  }

  #end(): void {
    for (const room of this.#rooms.values()) for (const page of [...room.pages]) page.end();
    this.close();
  }

  get rooms(): Iterable<Room> {
    return this.#rooms.values();
  }

  /**
   * A place for a page that is being loaded.
   *
   * @throws {SandboxError} BAD_ARGUMENT when pages can't share that document
   */
  invite(document: string): { readonly room: string; readonly clientId: number } {
    if (classifyDocument(document)?.kind !== 'crdt') {
      throw new SandboxError('BAD_ARGUMENT', `Cannot open "${document.slice(0, 80)}": it is no shared document`, {
        hint: 'Open debug, probes, experiments or draft/<file>; what hosts and members say of themselves comes as events.',
      });
    }
    const { id, replica } = this.sandbox;
    const name = document as DocumentName;
    if (!isPlain(name) && !replica.documentNames().includes(name)) {
      throw new SandboxError('BAD_ARGUMENT', `Cannot open "${document.slice(0, 80)}": a file has one name here`, {
        hint: 'Open draft/<file> with the path from the project\'s folder, without "." and "..", as "sandmesh draft list" has it.',
      });
    }
    const generation = this.#record.generation(name);
    const incarnation = replica.pages.newIncarnation();
    const code = this.#record.code(name, generation, incarnation);
    const room = formatRoom({ sandbox: id, document: name, generation, incarnation, code });
    return { room, clientId: clientIdOf(replica.self, incarnation) };
  }

  /** The room that a page means; undefined when it is of the past. */
  find(name: RoomName): Room | undefined {
    if (!this.#record.knows(name) || this.#record.generation(name.document) !== name.generation) return undefined;
    let room = this.#rooms.get(name.document);
    if (room === undefined) {
      const { document } = name;
      room = new Room({
        replica: this.sandbox.replica,
        document,
        generation: () => this.#record.generation(document),
        identify: (client) => this.#identify(client),
      });
      this.#rooms.set(document, room);
      this.#fill(room);
    }
    return room;
  }

  /** A page left. */
  left(room: Room): void {
    if (room.pages.size > 0 || this.#rooms.get(room.document) !== room) return;
    room.close();
    this.#rooms.delete(room.document);
  }

  /** Tells the other members where this member's pages are. */
  tell(document: DocumentName, client: number, state: PageState | null): void {
    if (state === null && !this.#here.delete(client)) return;
    if (state !== null) this.#here.set(client, { document, state });
    const { presence, replica } = this.sandbox;
    const { pages: _before, ...own } = presence.get(replica.self) ?? { member: replica.self };
    const latest = [...this.#here].slice(-MAX_PRESENT_PAGES);
    const pages = latest.map(([page, said]) => ({ client: page, ...said }));
    presence.set({ ...own, ...(pages.length === 0 ? {} : { pages }) });
    this.sandbox.announcePresence();
  }

  /** A member speaks of its own pages only. */
  #hear({ member, pages = [] }: Presence): void {
    if (member === this.sandbox.replica.self) return;
    const before = this.#elsewhere.get(member) ?? new Map<number, DocumentName>();
    const now = new Map<number, DocumentName>();
    for (const { client, document, state } of pages) {
      if (chainOfClient(client)?.member !== member) continue;
      now.set(client, document as DocumentName);
      this.#rooms.get(document as DocumentName)?.awareness.set(client, state);
    }
    for (const [client, document] of before) {
      if (now.get(client) !== document) this.#rooms.get(document)?.awareness.set(client, null);
    }
    this.#elsewhere.set(member, now);
  }

  #hearOf({ id, online }: { readonly id: MemberId; readonly online: boolean }): void {
    if (!online) this.#hear({ member: id });
  }

  #fill(room: Room): void {
    for (const member of this.#elsewhere.keys()) {
      for (const { client, document, state } of this.sandbox.presence.get(member)?.pages ?? []) {
        const isTheirs = chainOfClient(client)?.member === member;
        if (isTheirs && document === room.document) room.awareness.set(client, state);
      }
    }
  }

  #identify(client: number): Identity {
    const id = chainOfClient(client)?.member ?? this.sandbox.replica.self;
    const name = this.sandbox.replica.control.members.get(id)?.name ?? `member ${id}`;
    return { id, name, color: colorOf(id) };
  }
}

/** Others find a draft by its file: under another spelling of the path they would have another one, and not know why. */
function isPlain(document: DocumentName): boolean {
  const file = fileOfDraft(document);
  return file === undefined || file.split('/').every((part) => !['', '.', '..'].includes(part));
}
