/**
 * Names that could pass for another member's: by look-alike letters, case or accents, or by being the same. After UTS
 * 39 (Unicode security mechanisms): two names are confusable when their skeletons are equal. The table holds the
 * letters of the scripts that share shapes with Latin, not all of Unicode's: a net, not a wall.
 */

/** Pairs `look-alike, what it looks like`, by script. */
const LOOK_ALIKES = [
  // Cyrillic
  'аaвbсcԁdеeҽeһhіiјjкkӏlмmнhоoрpԛqгrѕsтtѵvԝwхxуyүyпn',
  'АAВBСCЕEНHІIЈJКKМMОOРPԚQЅSТTѴVԜWХXУYҮYҺhӀlЗ3бbЬbьb',
  // Greek
  'αaβbϲcεeηnιiϳjκkνvοoρpσoτtυuχxγyωwϱp',
  'ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXϹCϿC',
  // Armenian, Cherokee, Lisu and Coptic capitals that are Latin ones in most fonts
  'օoսuոnհhցgզqլlյjԼLՍUՏSՕO',
  'ᎪAᏴBᏟCᎠDᎬEᏀGᎻHᎫJᏦKᏞLᎷMᏢPᎡRᏚSᎢTᏙVᎳWᏃZ',
  'ꓮAꓐBꓚCꓓDꓰEꓝFꓖGꓧHꓲIꓙJꓗKꓡLꓟMꓠNꓳOꓑPꓣRꓢSꓔTꓴUꓦVꓪWꓫXꓬYꓜZ',
  // Latin letters of other alphabets, and signs
  'ɑaɐaƄbƈcđdɖdəeɛeƒfɡgǥgħhɦhıiɩiɨiȷjƙkłlɭlɫlɱmɲnŋnøoɔoɵoƥpʀrɾrʂsƭtŧtʉuʋvɯwʏyƴyƶz',
  '0o1l|lǀlǃl¡i5s$s@aƽ5',
].flatMap((pairs) => {
  const letters = [...pairs];
  return letters.flatMap((letter, i) => (i % 2 === 0 ? [[letter, letters[i + 1] ?? letter] as const] : []));
});
const PROTOTYPES: ReadonlyMap<string, string> = new Map(LOOK_ALIKES);
/** Several letters that read like one, and letters written as two. */
const SEQUENCES: readonly (readonly [RegExp, string])[] = [
  [/rn/g, 'm'],
  [/vv/g, 'w'],
  [/ß/g, 'ss'],
  [/æ/g, 'ae'],
  [/œ/g, 'oe'],
];
const SCRIPTS = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Cherokee',
  'Hebrew',
  'Arabic',
  'Georgian',
  'Coptic',
] as const;
const SCRIPT_TESTS = SCRIPTS.map((script) => [script, new RegExp(`\\p{Script=${script}}`, 'u')] as const);

/** Lists of members compare every name with every other: a skeleton costs 10 µs, a look-up none. */
const MAX_CACHED = 2_000;
const cache = new Map<string, ReadonlySet<string>>();

/**
 * What a name looks like. As written and in lower case: a capital I reads like an l, and is an i all the same.
 *
 * @returns one or two skeletons; two names are confusable when they share one
 */
export function nameSkeletons(name: string): ReadonlySet<string> {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const skeletons = new Set([skeleton(name), skeleton(name.toLowerCase())]);
  if (cache.size >= MAX_CACHED) cache.clear();
  cache.set(name, skeletons);
  return skeletons;
}

function skeleton(name: string): string {
  // Compatibility forms (full width, mathematical, circled) fall apart into letters; accents and what has no width go.
  // Before and after: a few look-alikes fall apart into letters that are none.
  const plain = prototypes(name)
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}]/gu, '');
  let text = prototypes(plain).replaceAll('I', 'l').toLowerCase();
  for (const [sequence, letter] of SEQUENCES) text = text.replace(sequence, letter);
  return text.replace(/[\s\p{Pd}_.·'’]+/gu, '');
}

function prototypes(text: string): string {
  return [...text].map((letter) => PROTOTYPES.get(letter) ?? letter).join('');
}

/** Scripts that do not belong in one word together: Latin with Chinese or Japanese is common, with Cyrillic it is not. */
export function mixedScripts(name: string): readonly string[] {
  const found = SCRIPT_TESTS.filter(([, test]) => test.test(name)).map(([script]) => script);
  return found.length > 1 ? found : [];
}

export interface NamedMember {
  readonly id: number;
  readonly name: string;
}

/** @param others members with another key; @returns one sentence; undefined when nothing speaks against the name */
export function nameWarning(name: string, others: readonly NamedMember[]): string | undefined {
  const same = others.find((other) => other.name === name);
  if (same !== undefined) return `Member ${same.id} has the same name and another key`;
  const skeletons = nameSkeletons(name);
  const alike = others.find((other) => [...nameSkeletons(other.name)].some((each) => skeletons.has(each)));
  if (alike !== undefined) return `The name reads like "${alike.name}" (member ${alike.id}), who has another key`;
  const scripts = mixedScripts(name);
  return scripts.length > 0 ? `The name mixes ${scripts.join(' and ')} letters` : undefined;
}
