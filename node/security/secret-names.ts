/** Which names of variables, settings, headers and environment entries say that their value is a secret. */

/** Compared against the end of the name, letters and digits only, lower case: `DB_PASSWORD`, `stripeSecretKey2`. */
const SECRET_ENDINGS = [
  'password',
  'passwd',
  'passwort',
  'passphrase',
  'pwd',
  'secret',
  'token',
  'apikey',
  'secretkey',
  'privatekey',
  'accesskey',
  'authkey',
  'signingkey',
  'encryptionkey',
  'masterkey',
  'sharedkey',
  'accountkey',
  'licensekey',
  'sessionkey',
  'webhookkey',
  'authorization',
  'credential',
  'credentials',
  'cookie',
  'cookies',
  'bearer',
  'jwt',
  'sessionid',
  'connectionstring',
  'cvv',
  'cvc',
  'otp',
  'totp',
  'mnemonic',
  'seedphrase',
] as const;

/** Short or ambiguous words that only count when they are the whole name. */
const SECRET_WHOLE = new Set(['pass', 'pin', 'auth', 'pw', 'creds', 'ssn', 'xauthtoken', 'dsn']);

/** Endings that say the name is about a secret without being one; taken off before the test when they say it is. */
const NEUTRAL_TAIL = /(?:hash|hashed|base64|b64|hex|value|text|raw|plain|string|env|old|new|current|\d{1,4})$/;

/** `PWD` is the working folder in every environment; lexers and parsers are full of words that end in `token`. */
const NOT_SECRET = new Set(['pwd', 'oldpwd', 'initcwd', 'nexttoken', 'lasttoken', 'prevtoken', 'currenttoken']);

const MAX_NAME_LENGTH = 200;

export function isSecretName(name: string): boolean {
  if (name.length > MAX_NAME_LENGTH) return false;
  const plain = name.toLowerCase().replace(/[^a-z0-9]/g, '');
  if (NOT_SECRET.has(plain) && name !== 'pwd') return false;
  return says(plain) || says(plain.replace(NEUTRAL_TAIL, ''));
}

/** Whether even a short number or plain word under this name is worth hiding (a PIN, not a parser's token count). */
export function isPasswordName(name: string): boolean {
  return /(?:pass|pwd|pin|secret|cvv|cvc|otp|ssn|credential)/i.test(name.slice(0, MAX_NAME_LENGTH));
}

function says(plain: string): boolean {
  return SECRET_WHOLE.has(plain) || SECRET_ENDINGS.some((ending) => plain.endsWith(ending));
}
