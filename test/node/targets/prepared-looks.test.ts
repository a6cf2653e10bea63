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

test('what lies in another context is read by an object of that one; without one the stop is for whoever makes it', () => {
  const { looks, posted } = taker();
  const callFrames = [
    frame('7', scope('local', '9.2.1'), scope('closure', '9.2.2')),
    frame('7', scope('local', '9.1.3')),
    frame('7', scope('local', '9.2.4')),
  ];
  const stop = () => looks.take('Debugger.paused', { callFrames, hitBreakpoints: ['b1'], reason: 'other' });
  const call = { objectId: '9.1.7', functionDeclaration: 'function() {}', limits: {} };
  looks.prepare({ breakpoints: ['b1'], call });
  assert.is(stop(), false);
  assert.equal(posted, []);
  looks.prepare({ breakpoints: ['b1'], call: { ...call, others: ['9.3.7', '9.2.7'] } });
  assert.is(stop(), true);
  const [[method, params] = []] = posted;
  assert.is(method, 'Runtime.callFunctionOn');
  const { objectId, arguments: read } = params as Protocol.Runtime.CallFunctionOnRequest;
  assert.is(objectId, '9.2.7');
  assert.equal(read, [{ value: {} }, { objectId: '9.2.1' }, { objectId: '9.2.2' }, { objectId: '9.2.4' }]);
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
