/** Deliberate defects of probes, as changes of their text while it is loaded: the promise that each breaks must notice. */

import type { Patch } from '#test/simulate/load.ts';

export interface ProbeDefect {
  readonly name: string;
  /** Title of the promise that it breaks. */
  readonly breaks: string;
  readonly patch: Patch;
}

function defect(name: string, breaks: string, file: string, find: string, replace: string): ProbeDefect {
  return { name, breaks, patch: { file: `node/engine/debug/probes/${file}`, find, replace } };
}

const COUNTED = 'every hit is counted, whether it was taken down or not';
const SHARED = 'all probes together take down so many hits in a tick, shared among those that are hit';
const TOLD = 'a hit tells its place in the sequence and how many were passed over since the one before';
const HOT = 'a logpoint that is hit fifty times in a second becomes code, one that is hit less often does not';
const ASKED = 'a condition that is asked fifty times in a second becomes code too; where it cannot it stays what it is';
const RESTORED = 'code that was put in is taken out, and the text is what it was, byte for byte';
const CONDITION = 'a condition decides, as a condition and as code, and one that throws harms nothing';
const FAILED = 'what a condition throws is told once, as a condition and as code';
const NTH = 'a hit condition picks among the hits that the condition lets through, as a condition and as code';
const HARMLESS = 'an expression that throws, or hits the probe again, harms neither the program nor the hit';
const SILENT = 'without a word from the daemon nothing is taken down, until it is heard again';
const OUT = 'a probe that was taken out takes nothing down, wherever its code still runs';

export const PROBE_DEFECTS: readonly ProbeDefect[] = [
  defect(
    'what was stopped is taken to be going on',
    'an expression that was stopped since it does not end silences no probe',
    'probe-runtime.ts',
    'isBusy = false;\n    const at = now();',
    'const at = now();',
  ),
  defect(
    'only what was taken down is counted',
    COUNTED,
    'probe-runtime.ts',
    'if (--this.left >= 0 && this.begin())',
    'if (this.left > 0 && this.left-- > 0 && this.begin())',
  ),
  defect('hits are counted again', COUNTED, 'probe-runtime.ts', 'probe.told += hits;', ''),
  defect(
    'hits are counted at the next tick only',
    'many hits at once are counted at once',
    'probe-runtime.ts',
    'if (this.granted - this.left - this.told + this.missed >= limits.urgent) flush();',
    '',
  ),
  defect('no allowance', SHARED, 'probe-runtime.ts', 'if (--this.left >= 0 &&', 'if (--this.left < 1e9 &&'),
  defect('an allowance for each probe', SHARED, 'probe-runtime.ts', 'floor(tokens / max(1, active))', 'floor(tokens)'),
  defect(
    'shared with those that are not hit',
    SHARED,
    'probe-runtime.ts',
    'floor(tokens / max(1, active))',
    'floor(tokens / numbers.length)',
  ),
  defect('no token is spent', SHARED, 'probe-runtime.ts', 'if (--tokens > 0 &&', 'if (tokens > 0 &&'),
  defect(
    'nothing is saved up',
    'after a while without hits a request’s worth is taken down whole',
    'probe-runtime.ts',
    'tokens = min(limits.burst, max(0, tokens) +',
    'tokens = min(limits.perTick, max(0, tokens) +',
  ),
  defect(
    'saved up for the first time only',
    'after a while without hits a request’s worth is taken down whole',
    'probe-runtime.ts',
    '|| tokens < limits.burst)) wake();',
    ')) wake();',
  ),
  defect(
    'what was saved up is spent whatever it costs',
    'what was saved up costs the program so much at once and no more',
    'probe-runtime.ts',
    ' && spentMs < limits.burstMs',
    '',
  ),
  defect(
    'a burst told at once counts for nothing',
    TOLD,
    'probe-runtime.ts',
    'if (isHeard) flush();\n    else ring = [];',
    'if (isHeard && !flush()) { for (let i = 0; i < numbers.length; i++) probes[numbers[i]].grant(1); return; }',
  ),
  defect(
    'time is not counted',
    'taking down costs the program no more than its share of the time',
    'probe-runtime.ts',
    'const isSpent = spentMs > limits.everyMs * limits.share;',
    'const isSpent = false;',
  ),
  defect(
    'hits pile up',
    'what waits to be handed over is bounded, and what found no room is told with the next',
    'probe-runtime.ts',
    'if (ring.length >= limits.ring) { lost++; return; }',
    '',
  ),
  defect(
    'what found no room is forgotten',
    'what waits to be handed over is bounded, and what found no room is told with the next',
    'probe-runtime.ts',
    '{ lost++; return; }',
    '{ return; }',
  ),
  defect('nothing is numbered', TOLD, 'probe-runtime.ts', 'sequence: ++sequence', 'sequence'),
  defect(
    'what was passed over is told again and again',
    TOLD,
    'probe-runtime.ts',
    'this.passedOver = 0;\n      return row;',
    'return row;',
  ),
  defect('what was passed over is not told', TOLD, 'probe-runtime.ts', 'this.passedOver -= this.left;', ''),
  defect(
    'a daemon that is gone goes on being told',
    SILENT,
    'probe-runtime.ts',
    'const isHeard = at - heardAt < limits.silenceMs;',
    'const isHeard = true;',
  ),
  defect(
    'a daemon that is back is not heard',
    SILENT,
    'probe-runtime.ts',
    'if (wasSilent) for (let i = 0; i < numbers.length; i++) probes[numbers[i]].grant(allowanceNow());',
    '',
  ),
  defect(
    'what was taken out goes on',
    OUT,
    'probe-runtime.ts',
    'probe.armed = false;\n      probe.left = probe.granted = NEVER;',
    '',
  ),
  defect(
    'a probe within itself',
    HARMLESS,
    'probe-runtime.ts',
    'if (isBusy || !this.armed) return false;',
    'if (!this.armed) return false;',
  ),
  defect(
    'what is thrown reaches the program',
    HARMLESS,
    'probe-runtime.ts',
    'try { this.put(thunks[i]()); } catch (error) { this.bad(error); }',
    'this.put(thunks[i]());',
  ),
  defect(
    'a logpoint that stops',
    HARMLESS,
    'probe-runtime.ts',
    'this.missed >= limits.urgent) flush();\n      return false;',
    'this.missed >= limits.urgent) flush();\n      return true;',
  ),
  defect(
    'values as they are',
    'values are cut in the program, whatever their size',
    'probe-runtime.ts',
    'try { return tool.preview(value, 0); }',
    'try { return stringify(value); }',
  ),
  defect(
    'what a condition does not let through makes nothing hot',
    ASKED,
    'live-probes.ts',
    'probe.missed += missed;',
    '',
  ),
  defect(
    'taken out for what it does not tell',
    ASKED,
    'live-probes.ts',
    'if (isSeldomHit(probe)) return stay(probe);',
    '',
  ),
  defect('hot too late', HOT, 'live-probes.ts', 'const HOT = 50;', 'const HOT = 51;'),
  defect('hot too soon', HOT, 'live-probes.ts', 'const HOT = 50;', 'const HOT = 49;'),
  defect('hot for ever', HOT, 'live-probes.ts', 'if (now - probe.since > WINDOW_MS) {', 'if (probe.since < 0) {'),
  defect(
    'the last edit leaves code behind',
    RESTORED,
    'live-probes.ts',
    'new Map<string, ScriptEdit[]>(this.#edits.edited.map((scriptId) => [scriptId, []]))',
    'new Map<string, ScriptEdit[]>()',
  ),
  defect(
    'the script comes back with another text',
    RESTORED,
    'script-edits.ts',
    'const script = { text, root,',
    "const script = { text: text + '\\n', root,",
  ),
  defect(
    'a condition that nobody asks',
    CONDITION,
    'probe-code.ts',
    '...(condition === undefined ? []',
    '...(condition !== undefined ? []',
  ),
  defect('a condition that code does not ask', CONDITION, 'injection.ts', 'return `try{if((', 'return `try{if(true||('),
  defect(
    'a condition that throws into the program',
    CONDITION,
    'injection.ts',
    '}}catch(__e)',
    '}}finally{}try{}catch(__e)',
  ),
  defect('a failed condition that nobody hears of', FAILED, 'injection.ts', '.fail(__e)', '.left'),
  defect('a failed condition told again and again', FAILED, 'probe-runtime.ts', 'this.hasFailed = true;', ''),
  defect(
    'hits counted that the condition does not let through',
    NTH,
    'probe-code.ts',
    "asked.join('&&')",
    "asked.reverse().join('&&')",
  ),
  defect(
    'a hit condition that code does not ask',
    NTH,
    'injection.ts',
    'return hitCondition === undefined ?',
    'return true ?',
  ),
  defect(
    'hits under the program’s numbers',
    'hits are numbered in the order they come, and tell how many were left out before',
    'live-probes.ts',
    'sequence: ++this.#sequence,',
    'sequence: this.#sequence,',
  ),
  defect(
    'hits that hide what was left out',
    'hits are numbered in the order they come, and tell how many were left out before',
    'live-probes.ts',
    '...(hit.passedOver > 0 ? { passedOver: Math.floor(hit.passedOver) } : {}),',
    '',
  ),
];
