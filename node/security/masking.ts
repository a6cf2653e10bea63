/**
 * Replaces likely secrets in what leaves this machine: console output, previews of variables, the environment. Applied
 * unless the guest holds `evaluate`, who could read them anyway. A net, not a wall: what has no telling shape and no
 * telling name passes. Every pattern starts only where the character before cannot belong to it, or has bounded
 * repetitions, so that time grows linearly with the text whatever a program prints.
 */

import { isPasswordName, isSecretName } from './secret-names.ts';

export const MASK = '•••• (masked)';

/** Tokens whose shape alone tells: a vendor's prefix and enough of the rest to be no ordinary word. */
const TOKEN_SHAPES: readonly string[] = [
  '(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}', // AWS key id
  'gh[opsur]_[A-Za-z0-9]{30,}', // GitHub
  'github_pat_[A-Za-z0-9_]{30,}',
  'gl(?:pat|ptt|dt|rt|cbt|oas|soat|ft|imt|agent)-[A-Za-z0-9_-]{18,}', // GitLab
  'xox[abeoprs]-[A-Za-z0-9-]{10,}', // Slack
  'xapp-[0-9]-[A-Za-z0-9-]{10,}',
  '(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}', // Stripe
  'whsec_[A-Za-z0-9+/=]{16,128}',
  'sk-(?=[A-Za-z_-]{0,60}[0-9])[A-Za-z0-9_-]{20,}', // OpenAI, Anthropic and others
  'AIza[A-Za-z0-9_-]{30,60}', // Google
  'ya29\\.[A-Za-z0-9_-]{20,}',
  'GOCSPX-[A-Za-z0-9_-]{20,60}',
  'npm_[A-Za-z0-9]{30,60}',
  'pypi-[A-Za-z0-9_-]{30,}',
  'SG\\.[A-Za-z0-9_-]{16,64}\\.[A-Za-z0-9_-]{16,128}', // SendGrid
  'SK[0-9a-f]{32}', // Twilio
  'key-[0-9a-f]{32}', // Mailgun
  'do[opr]_v1_[0-9a-f]{40,128}', // DigitalOcean
  'hf_[A-Za-z0-9]{30,60}', // Hugging Face
  'shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}', // Shopify
  'sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{20,60}', // Square
  'EAAA[A-Za-z0-9_-]{50,100}',
  '[0-9]{8,10}:AA[A-Za-z0-9_-]{30,40}', // Telegram
  '[MNO][A-Za-z0-9_-]{23,27}\\.[A-Za-z0-9_-]{6}\\.[A-Za-z0-9_-]{27,40}', // Discord
  'hv[bsr]\\.[A-Za-z0-9_-]{20,}', // Vault
  'lin_api_[A-Za-z0-9]{30,60}',
  '(?:ntn|secret)_[A-Za-z0-9]{40,60}', // Notion
  'sbp_[0-9a-f]{40}', // Supabase
  'dapi[0-9a-f]{32}', // Databricks
  'dp\\.(?:pt|st|ct|sa|scim|audit)\\.[A-Za-z0-9._-]{30,80}', // Doppler
  'AGE-SECRET-KEY-1[0-9A-Z]{50,60}',
  'eyJ[A-Za-z0-9_-]{8,}\\.[A-Za-z0-9_-]{8,}(?:\\.[A-Za-z0-9_-]*){0,3}', // JWT, JWE
];

/** Colour codes end in a letter, which must not glue a coloured token to them. */
const COLOUR = `${String.fromCharCode(27)}\\[[0-9;]{0,12}m`;
const TOKEN_START = `(?:(?<![A-Za-z0-9_-])|(?<=${COLOUR}))`;
const TOKENS = new RegExp(`${TOKEN_START}(?:${TOKEN_SHAPES.join('|')})(?![A-Za-z0-9_-])`, 'g');
/** A piece of every shape, for a quick no: three small patterns take an eighth of the time of the whole one. */
const TOKEN_HINTS: readonly RegExp[] = [
  /AKIA|ASIA|ABIA|ACCA|AIza|AGE-|GOCSPX|EAAA|:AA|SG\.|SK[0-9a-f]|eyJ/,
  /gh[opsur]_|_pat_|gl[a-z]{2,5}-|xox|xapp|k_live|k_test|whsec|sk-|ya29|npm_|pypi-|key-|_v1_|hf_|shp|sq0|hv[bsr]\.|_api_|ntn_|secret_|sbp_|dapi|dp\./,
  /[MNO][A-Za-z0-9_-]{23}/,
];
/** Some part of every secret name. */
const NAME_HINT =
  /pass|pwd|secret|token|key|auth|cred|cookie|bearer|jwt|sess|connect|cvv|cvc|otp|mnemonic|phrase|pin|pw|ssn|dsn/i;
/** `scheme://user:password@host`: the password alone goes, what remains tells where the program connects. */
const URL_PASSWORD = /(:\/\/[^\s:/@"'`<>]{0,128}:)([^\s/"'`<>@]{1,256}(?:@[^\s/"'`<>@]{1,128}(?=@))?)(?=@)/g;
const AUTH_SCHEME =
  /(?<![A-Za-z0-9_-])([Bb]earer|[Bb]asic|Token|Digest|Negotiate|ApiKey)(\s{1,4})([A-Za-z0-9._~+/=-]{8,4096})/g;
const SLACK_HOOK = /(hooks\.slack\.com\/(?:services|workflows|triggers)\/)[A-Za-z0-9/_-]{10,255}/g;
const NAME_AND_SEPARATOR = new RegExp(
  `(?:(?<![\\w$.-])|(?<=${COLOUR}))(["'\`]?)([A-Za-z_$][\\w$.-]{1,100})\\1\\s{0,4}(=>|[:=])(?![:=>])([ \\t]{0,4}(?:${COLOUR})?)`,
  'g',
);
const QUOTED_VALUE = /(["'`])(?:[^"'`\\\n]|\\.|(?!\1)["'`]){1,8192}(?:\1|$)/y;
/** Enough to judge by; what is masked is masked to its end. */
const BARE_VALUE = /[^\s"'`,;&(){}[\]<>•]{1,64}/y;
const BARE_REST = /[^\s"'`,;&(){}[\]<>•]*/y;

/** What stands for no secret under any name. */
const HARMLESS_VALUE =
  /^(?:true|false|null|undefined|none|nil|NaN|yes|no|on|off|\*+|•+|x+|string|number|boolean|any|unknown)$/i;
const PEM_BEGIN = /-----BEGIN ([A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?)-----/g;

/**
 * @param text any length and content; colour codes may be in it
 * @returns the text with likely secrets replaced by {@link MASK}; the same string when there are none
 */
export function maskText(text: string): string {
  if (text.length < 6) return text;
  const withoutKeys = text.includes('-----BEGIN ') ? maskPem(text) : text;
  const mayHoldTokens = TOKEN_HINTS.some((hint) => hint.test(withoutKeys));
  const withoutShapes = (mayHoldTokens ? withoutKeys.replace(TOKENS, MASK) : withoutKeys)
    .replace(SLACK_HOOK, `$1${MASK}`)
    .replace(AUTH_SCHEME, (whole, scheme: string, gap: string, value: string) =>
      isCredential(scheme, value) ? `${scheme}${gap}${MASK}` : whole,
    )
    .replace(URL_PASSWORD, `$1${MASK}`);
  return NAME_HINT.test(withoutShapes) ? maskNamedValues(withoutShapes) : withoutShapes;
}

/**
 * @param name of the variable, property, header or environment entry
 * @param value as shown: a preview (strings perhaps in quotes) or raw text
 */
export function maskValue(name: string, value: string): string {
  return isSecretName(name) && isWorthMasking(name, value) ? MASK : maskText(value);
}

/** Objects and functions keep their preview: their members are judged by their own names when opened. */
function isWorthMasking(name: string, value: string): boolean {
  const bare = value.replace(/^(["'`])(.*)\1$/s, '$2');
  if (bare === '' || HARMLESS_VALUE.test(bare)) return false;
  if (bare !== value) return true;
  if (/^(?:Uint8Array|Buffer|ArrayBuffer|SharedArrayBuffer|<Buffer)\b/.test(value)) return true;
  if (/^-?\d+(?:\.\d+)?n?$/.test(value)) return isPasswordName(name);
  // The directory a `pwd` names.
  if (/^(?:\/|[A-Za-z]:\\)/.test(value) && /pwd$/i.test(name)) return false;
  return !isPreview(value);
}

/** `Map(2) {…}`, `Token {kind: …}`, `[…]`, `ƒ token()`, `class Token`: closed, unlike a password that begins alike. */
function isPreview(value: string): boolean {
  const opened = /^(?:[A-Z][\w$]{0,100}(?:\(\d{1,10}\))? ?)?([{[])/.exec(value)?.[1];
  if (opened !== undefined) return value.endsWith(opened === '{' ? '}' : ']');
  return /^(?:ƒ|f [\w$]{0,100}\(|(?:async )?function\b.*[({]|class\b.*[{\w$]|(?:async )?\(.*\) ?=>|[A-Z][\w$]{0,100}\(\d{1,10}\)$)/.test(
    value,
  );
}

/** From each BEGIN to its END, or to the end of the text when that was cut off. */
function maskPem(text: string): string {
  let result = '';
  let from = 0;
  for (;;) {
    PEM_BEGIN.lastIndex = from;
    const begin = PEM_BEGIN.exec(text);
    if (begin === null) return result + text.slice(from);
    const footer = `-----END ${begin[1]}-----`;
    const end = text.indexOf(footer, PEM_BEGIN.lastIndex);
    result += text.slice(from, begin.index) + MASK;
    if (end === -1) return result;
    from = end + footer.length;
  }
}

/** `password=…`, `apiKey: '…'`, `"token": "…"`, `?access_token=…`, in whatever they stand. */
function maskNamedValues(text: string): string {
  let result = '';
  let copied = 0;
  NAME_AND_SEPARATOR.lastIndex = 0;
  for (let match = NAME_AND_SEPARATOR.exec(text); match !== null; match = NAME_AND_SEPARATOR.exec(text)) {
    const name = match[2] ?? '';
    if (!isSecretName(name)) continue;
    const start = NAME_AND_SEPARATOR.lastIndex;
    const value = matchAt(/["'`]/.test(text[start] ?? '') ? QUOTED_VALUE : BARE_VALUE, text, start);
    const isProse = match[3] === ':' && match[4] !== '' && match[1] === '';
    if (value === '' || !isNamedSecret(name, value, isProse)) continue;
    result += text.slice(copied, start) + maskedLike(value);
    const end = start + value.length;
    copied = /^["'`]/.test(value) ? end : end + matchAt(BARE_REST, text, end).length;
    NAME_AND_SEPARATOR.lastIndex = copied;
  }
  return copied === 0 ? text : result + text.slice(copied);
}

function matchAt(sticky: RegExp, text: string, index: number): string {
  sticky.lastIndex = index;
  return sticky.exec(text)?.[0] ?? '';
}

function isNamedSecret(name: string, value: string, isProse: boolean): boolean {
  const quoted = /^["'`]/.test(value);
  const bare = quoted ? value.slice(1).replace(/["'`]$/, '') : value;
  if (bare === '' || bare.startsWith(MASK)) return false;
  if (HARMLESS_VALUE.test(bare) || /^(?:ƒ|function|class|\$\{|process\.|await|new|req\.|this\.)/.test(bare))
    return false;
  if (quoted) return true;
  if (/^-?\d+(?:\.\d+)?$/.test(bare)) return isPasswordName(name) && bare.length >= 3;
  // `Password: must contain …` is a sentence; `password: hunter2` is not.
  return isProse ? bare.length >= 6 && /[\d!@#$%^*+_~]/.test(bare) : bare.length >= 3;
}

function maskedLike(value: string): string {
  const quote = /^["'`]/.test(value) ? value.slice(0, 1) : '';
  const closed = value.length > 1 && value.endsWith(quote);
  return `${quote}${MASK}${closed ? quote : ''}`;
}

/** `Basic understanding` and `Token expired` are words; credentials mix digits, cases or padding. */
function isCredential(scheme: string, value: string): boolean {
  if (/^basic$/i.test(scheme)) return Buffer.from(value, 'base64').includes(':');
  if (value.length < 12) return false;
  return /\d/.test(value) || value.endsWith('=') || (value.length >= 20 && /[a-z][A-Z]/.test(value));
}
