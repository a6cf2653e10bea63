/**
 * Who may use the local HTTP API. Long-lived tokens prove that a caller can read this user's 0600 files (or was given
 * one of them); each is only ever exchanged for a short-lived access token (a JWT), which is what requests carry.
 */

import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { jwtVerify, SignJWT } from 'jose';
import { SCOPES, type Scope } from '#protocol/api/scopes.ts';
import { Emitter } from '#shared/emitter.ts';
import { SandboxError } from '#shared/errors.ts';
import {
  describe,
  equalHash,
  formatToken,
  hashOf,
  newSecret,
  ownTokenFile,
  parseToken,
  readOrCreate,
  readRecords,
  saveRecords,
  type TokenInfo,
  type TokenRecord,
} from './kept-tokens.ts';

/** Seconds an access token is good for. */
export const ACCESS_SECONDS = 15 * 60;
const CODE_MS = 60_000;
/** An access token can be renewed while it is valid, until this long after its token or code was shown. */
const SESSION_SECONDS = 12 * 3600;
const MAX_TOKENS = 1_000;
const MAX_CODES = 100;
const MAX_CACHED = 1_000;
const ISSUER = 'sandmesh';
const AUDIENCE = 'sandmesh-api';
const TYPE = 'sandmesh-access+jwt';
/** The id of the token in `keys/api.token`, made by the daemon for its own user. */
const OWN_ID = 'own';

/** What an access token proves. */
export interface Grant {
  readonly tokenId: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** When the token or code behind it was shown; seconds since 1970. */
  readonly authenticatedAt: number;
}

/** The token whose access asks; absent for this user over the own socket. */
export type Asking = Pick<Grant, 'tokenId' | 'scopes' | 'authenticatedAt'>;

/** What an exchange rests on. */
interface Proof {
  readonly id: string;
  readonly scopes: readonly Scope[];
  readonly authenticatedAt?: number;
}

export interface AccessToken {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  readonly scopes: readonly Scope[];
}

export class AccessTokens {
  readonly #tokensFile: string;
  readonly #key: Uint8Array;
  readonly #now: () => number;
  readonly #records: Map<string, TokenRecord>;
  readonly #codes = new Map<string, { readonly proof: Proof; readonly expiresAt: number }>();
  /** Checked before, by their text: a signature costs 60 µs, a request less. */
  readonly #verified = new Map<string, Grant>();
  /** `revoked`: whoever serves something that lasts looks at its grant again, now. */
  readonly events = new Emitter<{ revoked: object }>();

  private constructor(tokensFile: string, key: Uint8Array, records: Iterable<TokenRecord>, now: () => number) {
    this.#tokensFile = tokensFile;
    this.#key = key;
    this.#now = now;
    this.#records = new Map([...records].map((record) => [record.id, record]));
  }

  /**
   * Reads, or makes, `api.token`, `api-tokens.json` and `api-jwt.key` in the folder of keys.
   *
   * @param now wall clock in milliseconds
   * @throws {SandboxError} BAD_KEY when others could read or swap one of them; HOME_UNWRITABLE
   */
  static async open(keysDir: string, now: () => number): Promise<AccessTokens> {
    const own = await readOrCreate(ownTokenFile(keysDir), () => formatToken(OWN_ID, newSecret()));
    const key = await readOrCreate(join(keysDir, 'api-jwt.key'), newSecret);
    const tokensFile = join(keysDir, 'api-tokens.json');
    const parsed = parseToken(own.trim());
    if (parsed === undefined) {
      throw new SandboxError('BAD_KEY', `Cannot use "${ownTokenFile(keysDir)}": it holds no token`, {
        hint: 'Remove it; the daemon makes a new one when it starts.',
      });
    }
    const { secret } = parsed;
    const record = { id: OWN_ID, label: 'this user', scopes: [...SCOPES], hash: hashOf(secret), createdAt: 0 };
    return new AccessTokens(
      tokensFile,
      Buffer.from(key.trim(), 'base64url'),
      [record, ...(await readRecords(tokensFile))],
      now,
    );
  }

  /**
   * One that a token asks for is no more than that token is, and ends with it.
   *
   * @returns the token's text, shown once and kept nowhere
   * @throws {SandboxError} LIMIT_EXCEEDED; FORBIDDEN for a scope that `asking` lacks
   */
  create(
    options: { label: string; scopes: readonly Scope[]; expiresAt?: number | undefined },
    asking?: Asking,
  ): { readonly token: string; readonly info: TokenInfo } {
    const beyond = options.scopes.find((scope) => asking?.scopes.has(scope) === false);
    if (beyond !== undefined) {
      throw new SandboxError(
        'FORBIDDEN',
        `Cannot make a token with the scope "${beyond}": the one that asks lacks it`,
        {
          hint: 'The user can, with "sandmesh token create".',
        },
      );
    }
    this.#dropExpired();
    if (this.#records.size >= MAX_TOKENS) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot keep more than ${MAX_TOKENS} tokens`, {
        hint: 'Revoke some: "sandmesh token list", "sandmesh token revoke <id>".',
      });
    }
    const secret = newSecret();
    const { label, scopes } = options;
    const ends = [options.expiresAt, this.#records.get(asking?.tokenId ?? '')?.expiresAt];
    const known = ends.filter((end) => end !== undefined);
    const expiresAt = known.length === 0 ? undefined : Math.min(...known);
    const record: TokenRecord = {
      id: randomBytes(6).toString('hex'),
      label,
      scopes: SCOPES.filter((scope) => scopes.includes(scope)),
      hash: hashOf(secret),
      createdAt: this.#now(),
      ...(expiresAt === undefined ? {} : { expiresAt }),
      ...(asking === undefined || asking.tokenId === OWN_ID ? {} : { madeBy: asking.tokenId }),
    };
    this.#records.set(record.id, record);
    this.#save();
    return { token: formatToken(record.id, secret), info: describe(record) };
  }

  /** Without the daemon's own. */
  list(): TokenInfo[] {
    this.#dropExpired();
    return [...this.#records.values()].filter(({ id }) => id !== OWN_ID).map(describe);
  }

  /** What was made from it ends with it. @throws {SandboxError} REQUEST_UNKNOWN */
  revoke(id: string): void {
    if (id === OWN_ID || !this.#remove(id)) {
      throw new SandboxError('REQUEST_UNKNOWN', `Cannot revoke the token "${id}": there is none`, {
        hint: '"sandmesh token list" shows them.',
      });
    }
    this.#save();
    this.events.emit('revoked', {});
  }

  /** @returns whether it was there */
  #remove(id: string): boolean {
    if (!this.#records.delete(id)) return false;
    for (const { id: other, madeBy } of [...this.#records.values()]) if (madeBy === id) this.#remove(other);
    return true;
  }

  /**
   * A code that can be exchanged once, within a minute, with the same scopes as `scopes`: for a page that is being opened.
   * Of a token it is no more than that token is, and ends with it.
   *
   * @throws {SandboxError} FORBIDDEN when `asking` has none of the scopes
   */
  createCode(scopes: readonly Scope[], asking?: Asking): { readonly code: string; readonly expiresAt: number } {
    const now = this.#now();
    const proof = proofOf(asking, scopes);
    for (const [code, { expiresAt }] of this.#codes) if (expiresAt <= now) this.#codes.delete(code);
    if (this.#codes.size >= MAX_CODES) {
      throw new SandboxError('LIMIT_EXCEEDED', `Cannot have more than ${MAX_CODES} codes open`, {
        hint: 'Wait a minute.',
      });
    }
    const code = newSecret();
    const expiresAt = now + CODE_MS;
    this.#codes.set(hashOf(code), { proof, expiresAt });
    return { code, expiresAt };
  }

  /**
   * Turns a token, a one-time code, or an access token that is still valid into a new access token.
   *
   * @param scopes fewer than it has, if wanted
   * @throws {SandboxError} UNAUTHENTICATED, the same for every reason; FORBIDDEN when it has none of them
   */
  async exchange(secret: string, scopes: readonly Scope[] = SCOPES): Promise<AccessToken> {
    const now = this.#seconds();
    const proof = this.#byToken(secret) ?? this.#takeCode(secret) ?? (await this.#renewable(secret, now));
    if (proof === undefined) throw unauthenticated();
    return this.#grant(proof, scopes);
  }

  /**
   * A fresh access token for whoever holds a valid one, or for this user over the own socket.
   *
   * @param scopes fewer than it has, if wanted
   * @throws {SandboxError} UNAUTHENTICATED; FORBIDDEN when it has none of them
   */
  async grantFor(asking: Asking | undefined, scopes: readonly Scope[] = SCOPES): Promise<AccessToken> {
    return this.#grant(proofOf(asking, scopes), scopes);
  }

  async #grant(proof: Proof, scopes: readonly Scope[]): Promise<AccessToken> {
    const now = this.#seconds();
    const granted = proof.scopes.filter((scope) => scopes.includes(scope));
    if (granted.length === 0) throw lacking(scopes, proof.scopes);
    const authenticatedAt = proof.authenticatedAt ?? now;
    const expiresAt = Math.min(now + ACCESS_SECONDS, authenticatedAt + SESSION_SECONDS);
    const accessToken = await new SignJWT({ scope: granted.join(' '), auth_time: authenticatedAt })
      .setProtectedHeader({ alg: 'HS256', typ: TYPE })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(proof.id)
      .setJti(randomBytes(9).toString('base64url'))
      .setIssuedAt(now)
      .setExpirationTime(expiresAt)
      .sign(this.#key);
    return { accessToken, expiresInSeconds: expiresAt - now, scopes: granted };
  }

  /** @throws {SandboxError} UNAUTHENTICATED, the same for every reason */
  async verify(accessToken: string): Promise<Grant> {
    const known = this.known(accessToken);
    if (known !== undefined) return known;
    const grant = await this.#check(accessToken);
    if (!this.isValid(grant)) throw unauthenticated();
    if (this.#verified.size >= MAX_CACHED) this.#verified.clear();
    this.#verified.set(accessToken, grant);
    return grant;
  }

  /** What an access token proves that was verified before and is still valid; undefined: {@link verify} it. */
  known(accessToken: string): Grant | undefined {
    const grant = this.#verified.get(accessToken);
    if (grant === undefined || this.isValid(grant)) return grant;
    this.#verified.delete(accessToken);
    return undefined;
  }

  /**
   * For a scraper, which can't exchange anything: takes a token with the scope `read` as well as an access token.
   *
   * @throws {SandboxError} UNAUTHENTICATED; FORBIDDEN without the scope
   */
  async assertReads(secret: string): Promise<void> {
    const scopes = this.#byToken(secret)?.scopes ?? [...(await this.verify(secret)).scopes];
    if (scopes.includes('read')) return;
    throw new SandboxError('FORBIDDEN', 'Cannot read the metrics: this token lacks the scope "read"');
  }

  /** Neither expired nor revoked, now. */
  isValid(grant: Grant): boolean {
    return grant.expiresAt > this.#now() && this.#isLive(grant.tokenId);
  }

  #isLive(id: string): boolean {
    const record = this.#records.get(id);
    return record !== undefined && (record.expiresAt ?? Number.POSITIVE_INFINITY) > this.#now();
  }

  #seconds(): number {
    return Math.floor(this.#now() / 1000);
  }

  async #check(accessToken: string): Promise<Grant> {
    try {
      const { payload } = await jwtVerify(accessToken, this.#key, {
        algorithms: ['HS256'],
        typ: TYPE,
        issuer: ISSUER,
        audience: AUDIENCE,
        requiredClaims: ['sub', 'exp', 'scope', 'auth_time'],
        currentDate: new Date(this.#now()),
      });
      const scope = String(payload['scope']).split(' ');
      return {
        tokenId: String(payload.sub),
        scopes: new Set(SCOPES.filter((name) => scope.includes(name))),
        expiresAt: (payload.exp as number) * 1000,
        authenticatedAt: Number(payload['auth_time']),
      };
    } catch {
      // Which of its checks failed would help only the one who forges it.
      throw unauthenticated();
    }
  }

  async #renewable(text: string, now: number): Promise<Proof | undefined> {
    if (text.split('.').length !== 3) return undefined;
    const { tokenId, scopes, authenticatedAt } = await this.verify(text);
    if (authenticatedAt + SESSION_SECONDS <= now) return undefined;
    return { id: tokenId, scopes: [...scopes], authenticatedAt };
  }

  #byToken(text: string): Proof | undefined {
    const parsed = parseToken(text);
    const record = parsed === undefined ? undefined : this.#records.get(parsed.id);
    if (parsed === undefined || record === undefined || !equalHash(hashOf(parsed.secret), record.hash))
      return undefined;
    return this.#isLive(record.id) ? record : undefined;
  }

  /** Looked up by its hash, so that comparing takes the same time whatever was sent. */
  #takeCode(code: string): Proof | undefined {
    const hash = hashOf(code);
    const found = this.#codes.get(hash);
    this.#codes.delete(hash);
    if (found === undefined || found.expiresAt <= this.#now()) return undefined;
    return this.#isLive(found.proof.id) ? found.proof : undefined;
  }

  #dropExpired(): void {
    const now = this.#now();
    for (const [id, record] of this.#records)
      if ((record.expiresAt ?? Number.POSITIVE_INFINITY) <= now) this.#records.delete(id);
  }

  #save(): void {
    saveRecords(
      this.#tokensFile,
      [...this.#records.values()].filter(({ id }) => id !== OWN_ID),
    );
  }
}

/** @throws {SandboxError} FORBIDDEN */
function proofOf(asking: Asking | undefined, scopes: readonly Scope[]): Proof {
  const granted = scopes.filter((scope) => asking?.scopes.has(scope) ?? true);
  if (granted.length === 0) throw lacking(scopes, [...(asking?.scopes ?? [])]);
  if (asking === undefined) return { id: OWN_ID, scopes: granted };
  return { id: asking.tokenId, scopes: granted, authenticatedAt: asking.authenticatedAt };
}

function lacking(wanted: readonly Scope[], has: readonly Scope[]): SandboxError {
  const text = `Cannot give access with the scope ${wanted.join(', ')}: this token has ${has.join(', ')}`;
  return new SandboxError('FORBIDDEN', text, { hint: 'Make one that has it: "sandmesh token create --scope …".' });
}

function unauthenticated(): SandboxError {
  return new SandboxError('UNAUTHENTICATED', 'Cannot serve this request: its access token is not valid', {
    hint: 'Get one: "sandmesh token access" prints it, or POST /api/v1/auth/token with "Authorization: Bearer <token>".',
  });
}
