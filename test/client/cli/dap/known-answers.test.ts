import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { KnownAnswers } from '#client/cli/dap/known-answers.ts';
import { DapDecoder } from '#protocol/dap-framing.ts';

interface Message {
  readonly seq: number;
  readonly [field: string]: unknown;
}

const encoder = new TextEncoder();
const contentOf = (message: object): Uint8Array => encoder.encode(JSON.stringify(message));
const decoded = (message: Uint8Array | string): Message => {
  const bytes = typeof message === 'string' ? Buffer.from(message, 'latin1') : message;
  return new DapDecoder().push(bytes)[0] as Message;
};

/** An editor and a daemon, with what each was sent. */
class Rig {
  readonly editor: Message[] = [];
  readonly daemon: Message[] = [];
  takesAnswers = true;
  #seq = 0;
  readonly #answers = new KnownAnswers({
    takesAnswers: () => this.takesAnswers,
    toEditor: (message) => void this.editor.push(decoded(message)),
    toDaemon: (message) => void this.daemon.push(decoded(message)),
  });

  ask(command: string, args?: object): number {
    this.#seq += 1;
    this.editorSays({ seq: this.#seq, type: 'request', command, ...(args === undefined ? {} : { arguments: args }) });
    return this.#seq;
  }

  editorSays(message: object): void {
    this.#answers.fromEditor(contentOf(message));
  }

  daemonSays(message: object): void {
    this.#answers.fromDaemon(contentOf({ seq: 77, ...message }));
  }

  answer(request_seq: number, command: string, body: object, known = false): void {
    this.daemonSays({ type: 'response', request_seq, command, success: true, body, ...(known ? { known } : {}) });
  }

  event(event: string, body: object = {}): void {
    this.daemonSays({ type: 'event', event, body });
  }

  /** Asks and has the daemon say that its answer may be repeated. */
  know(command: string, args: object, body: object): void {
    this.answer(this.ask(command, args), command, body, true);
  }

  /** @returns whether the daemon is asked */
  isAsked(command: string, args: object): boolean {
    const before = this.daemon.length;
    this.ask(command, args);
    return this.daemon.length > before;
  }
}

const FRAME = { frameId: 3 };
const SCOPES = { scopes: [{ name: 'Local', note: 'é "quoted" \n \u2028 😀' }] };

function knowing(): Rig {
  const rig = new Rig();
  rig.know('scopes', FRAME, SCOPES);
  return rig;
}

test('an answer is repeated where the daemon says that it may, and every message has the next number', () => {
  const rig = knowing();
  const seq = rig.ask('scopes', FRAME);
  assert.is(rig.daemon.length, 1);
  rig.event('output', { output: 'a' });
  assert.equal(rig.editor, [
    { seq: 1, type: 'response', request_seq: 1, command: 'scopes', success: true, body: SCOPES },
    { seq: 2, type: 'response', request_seq: seq, command: 'scopes', success: true, body: SCOPES },
    { seq: 3, type: 'event', event: 'output', body: { output: 'a' } },
  ]);
});

test('nothing else is repeated: no other question, no answer without that word, no refusal, no other request', () => {
  const rig = knowing();
  assert.ok(rig.isAsked('scopes', { frameId: 4 }));
  assert.ok(rig.isAsked('variables', FRAME));
  rig.answer(rig.ask('variables', { variablesReference: 1 }), 'variables', {});
  assert.ok(rig.isAsked('variables', { variablesReference: 1 }));
  const refused = rig.ask('stackTrace', {});
  rig.daemonSays({ type: 'response', request_seq: refused, command: 'stackTrace', success: false, message: 'no' });
  assert.ok(rig.isAsked('stackTrace', {}));
  rig.know('source', { sourceReference: 1 }, { content: 'x' });
  assert.ok(rig.isAsked('source', { sourceReference: 1 }));
});

test('the order in which arguments are written makes no other question', () => {
  const rig = new Rig();
  rig.know('stackTrace', { threadId: 1, startFrame: 0 }, { stackFrames: [] });
  assert.not.ok(rig.isAsked('stackTrace', { startFrame: 0, threadId: 1 }));
  rig.know('threads', {}, { threads: [] });
  const before = rig.daemon.length;
  rig.ask('threads');
  assert.is(rig.daemon.length, before);
});

test('what the daemon tells ahead answers the first question, and never reaches the editor', () => {
  const rig = new Rig();
  rig.event('sandmesh.known', { command: 'scopes', arguments: FRAME, body: SCOPES });
  assert.equal(rig.editor, []);
  assert.not.ok(rig.isAsked('scopes', FRAME));
  assert.equal(rig.editor[0]?.['body'], SCOPES);
  rig.event('sandmesh.forget');
  assert.is(rig.editor.length, 1);
  assert.ok(rig.isAsked('scopes', FRAME));
});

for (const event of ['stopped', 'continued', 'invalidated', 'terminated', 'thread', 'sandmesh.forget', 'unheardOf']) {
  test(`the event "${event}" makes everything known forgotten, what is under way with it`, () => {
    const rig = knowing();
    const underWay = rig.ask('scopes', { frameId: 9 });
    rig.event(event);
    assert.ok(rig.isAsked('scopes', FRAME));
    rig.answer(underWay, 'scopes', SCOPES, true);
    assert.ok(rig.isAsked('scopes', { frameId: 9 }));
  });
}

test('what a program prints and breakpoints of others make nothing forgotten', () => {
  const rig = knowing();
  for (const event of ['output', 'breakpoint', 'progressUpdate']) rig.event(event);
  assert.not.ok(rig.isAsked('scopes', FRAME));
});

for (const command of ['setVariable', 'setExpression', 'continue', 'next', 'restartFrame', 'disconnect', 'unheardOf']) {
  test(`"${command}" of the editor makes everything known forgotten, before it is passed on`, () => {
    const rig = knowing();
    const seq = rig.ask(command);
    rig.answer(seq, command, {});
    assert.ok(rig.isAsked('scopes', FRAME));
  });
}

test('while something is evaluated nothing is answered here; what the daemon did not take back holds afterwards', () => {
  const rig = knowing();
  const first = rig.ask('evaluate', { expression: 'a', context: 'hover' });
  const second = rig.ask('evaluate', { expression: 'b', context: 'watch' });
  assert.ok(rig.isAsked('scopes', FRAME));
  rig.answer(first, 'evaluate', {});
  assert.ok(rig.isAsked('scopes', FRAME));
  rig.answer(second, 'evaluate', {});
  assert.not.ok(rig.isAsked('scopes', FRAME));
  const changing = rig.ask('evaluate', { expression: 'a = 1', context: 'repl' });
  rig.event('sandmesh.forget');
  rig.answer(changing, 'evaluate', {});
  assert.ok(rig.isAsked('scopes', FRAME));
});

test('requests that only look make nothing forgotten; "cancel" is the daemon’s', () => {
  const rig = knowing();
  for (const command of ['source', 'completions', 'exceptionInfo', 'cancel']) assert.ok(rig.isAsked(command, {}));
  assert.not.ok(rig.isAsked('scopes', FRAME));
});

test('an editor that does not read what it is sent is answered by the daemon, behind what waits', () => {
  const rig = knowing();
  rig.takesAnswers = false;
  assert.ok(rig.isAsked('scopes', FRAME));
});

test('what the daemon asks of the editor is answered under the daemon’s number, once', () => {
  const rig = knowing();
  rig.ask('scopes', FRAME);
  rig.daemonSays({ seq: 2, type: 'request', command: 'runInTerminal', arguments: { args: ['ls'] } });
  const asked = rig.editor.at(-1);
  assert.equal([asked?.seq, asked?.['command'], asked?.['arguments']], [3, 'runInTerminal', { args: ['ls'] }]);
  const answer = { seq: 50, type: 'response', request_seq: 3, command: 'runInTerminal', success: true, body: {} };
  const before = rig.daemon.length;
  rig.editorSays(answer);
  rig.editorSays(answer);
  rig.editorSays({ ...answer, request_seq: 2 });
  assert.equal(rig.daemon.slice(before), [{ ...answer, request_seq: 2 }]);
});

test('what is kept has a limit', () => {
  const rig = new Rig();
  for (let n = 0; n < 600; n += 1) rig.know('scopes', { frameId: n }, SCOPES);
  assert.not.ok(rig.isAsked('scopes', { frameId: 499 }));
  assert.ok(rig.isAsked('scopes', { frameId: 500 }));
  rig.event('sandmesh.forget');
  for (let n = 0; n < 3; n += 1) rig.know('variables', { variablesReference: n }, { text: 'x'.repeat(3_000_000) });
  assert.not.ok(rig.isAsked('variables', { variablesReference: 1 }));
  assert.ok(rig.isAsked('variables', { variablesReference: 2 }));
});

test('what is no request reaches the daemon as it came', () => {
  const rig = new Rig();
  for (const message of [null, 7, 'text', [], { type: 'request', seq: 'one', command: 7 }])
    rig.editorSays(message as never);
  assert.equal(rig.daemon as unknown[], [null, 7, 'text', [], { type: 'request', seq: 'one', command: 7 }]);
});

test.run();
