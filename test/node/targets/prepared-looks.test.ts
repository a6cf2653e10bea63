import type { Protocol } from 'devtools-protocol';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Looked, LookTaker, type PreparedLooks } from '#node/targets/prepared-looks.ts';

type Answered = (result: object | undefined, why: string) => void;

const LOOK: PreparedLooks = {
  breakpoints: ['b1', 'b2'],
  call: { objectId: 'tool', functionDeclaration: 'function() {}', limits: { nodes: 1 } },
};

function scope(type: string, objectId: string | undefined): Protocol.Debugger.Scope {
  return {
    type,
    object: { type: 'object', ...(objectId === undefined ? {} : { objectId }) },
  } as Protocol.Debugger.Scope;
}

function frame(scriptId: string, ...scopeChain: Protocol.Debugger.Scope[]): Protocol.Debugger.CallFrame {
  return { location: { scriptId, lineNumber: 1 }, scopeChain } as unknown as Protocol.Debugger.CallFrame;
}

function taker() {
  const posted: [method: string, params: object | undefined][] = [];
  const answers: Answered[] = [];
  const looked: Looked[] = [];
  const looks = new LookTaker({
    post: (method, params, answered) => {
      posted.push([method, params]);
      answers.push(answered);
    },
    looked: (each) => looked.push(each),
  });
  const stop = (hitBreakpoints: string[], reason = 'other') => {
    const callFrames = [
      frame('7', scope('local', 's1'), scope('closure', undefined), scope('global', 's3')),
      frame('2', scope('local', 's4')),
      frame('7', scope('closure', 's5')),
    ];
    return looks.take('Debugger.paused', { callFrames, hitBreakpoints, reason });
  };
  looks.take('Debugger.scriptParsed', { scriptId: '2', url: 'node:events' });
  looks.take('Debugger.scriptParsed', { scriptId: '7', url: 'file:///app.js' });
  return { looks, posted, answers, looked, stop };
}

test('what was prepared is read and let go in one go, and told once it was answered', () => {
  const { looks, posted, answers, looked, stop } = taker();
  looks.prepare(LOOK);
  assert.is(stop(['b1']), true);
  const read = {
    objectId: 'tool',
    functionDeclaration: 'function() {}',
    arguments: [{ value: { nodes: 1 } }, { objectId: 's1' }, { objectId: 's5' }],
    returnByValue: true,
    silent: true,
  };
  assert.equal(posted, [
    ['Runtime.callFunctionOn', read],
    ['Debugger.resume', undefined],
  ]);
  assert.equal(looked, []);
  answers[0]?.({ result: { value: 'graph' } }, '');
  assert.equal(
    looked.map(({ answer, places }) => [answer, places]),
    [
      [
        'graph',
        [
          [0, 0],
          [2, 0],
        ],
      ],
    ],
  );
  assert.is(looks.take('Debugger.resumed', {}), true, 'its end is nobody else\u2019s');
  assert.is(looks.take('Debugger.resumed', {}), false, 'another end is');
});

test('each is good for one stop that is its alone', () => {
  const { looks, stop, posted } = taker();
  assert.is(stop(['b1']), false, 'before it was prepared');
  looks.prepare(LOOK);
  assert.is(stop([]), false);
  assert.is(stop(['b3']), false);
  assert.is(stop(['b1', 'b3']), false, 'another one is hit as well');
  assert.is(stop(['b1'], 'ambiguous'), false, 'and something else');
  assert.equal(posted, []);
  assert.is(stop(['b1']), true);
  assert.is(stop(['b1']), false, 'a second time');
  assert.is(stop(['b2']), true);
  looks.prepare(LOOK);
  looks.prepare({ breakpoints: [] });
  assert.is(stop(['b1']), false, 'taken back');
});

test('where nothing may be read it goes on at once; a failure is told', () => {
  const { looks, stop, posted, answers, looked } = taker();
  looks.prepare({ breakpoints: ['b1'] });
  stop(['b1']);
  assert.equal(posted, [['Debugger.resume', undefined]]);
  assert.equal(looked[0]?.places, []);
  looks.prepare(LOOK);
  stop(['b1']);
  answers[1]?.(undefined, 'gone');
  assert.is(looked[1]?.problem, 'gone');
});

test.run();
