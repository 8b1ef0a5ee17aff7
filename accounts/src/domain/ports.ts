/** The ports of the domain. Repositories, passwords and tokens implement them; tests use stubs. */

/**
 * The call that the work belongs to. When its signal aborts, at the deadline or because the caller left, statements in flight
 * are cancelled. Repositories of a transaction take none, since the transaction was begun with it.
 */
export interface Context {
  readonly signal: AbortSignal;
  /** Kept with the audited event; background work has none. */
  readonly requestId?: string;
  readonly caller?: { readonly name?: string | undefined; readonly service?: string | undefined };
}

export type Role = 'user' | 'admin';

/** Where a person acts from. */
export interface Device {
  /** An IP address. */
  readonly address?: string | undefined;
  readonly userAgent?: string | undefined;
}

export interface User {
  readonly user: bigint;
  readonly email: string;
  readonly role: Role;
  readonly createdAt: Date;
  readonly disabled: boolean;
}

export interface Credentials extends User {
  /** A PHC string. */
  readonly passwordHash: string;
  /** A new hash of the same password leaves it. */
  readonly passwordChangedAt: Date;
}

export interface NewUser {
  readonly email: string;
  readonly emailKey: string;
  readonly passwordHash: string;
  readonly role: Role;
}

/** Reads that need no transaction. */
export interface UserReader {
  find(user: bigint, context: Context): Promise<Credentials | undefined>;
  findByEmailKey(emailKey: string, context: Context): Promise<Credentials | undefined>;
  /** Ascending by their ids, from the first behind `after`. */
  list(limit: number, after: bigint | undefined, context: Context): Promise<User[]>;
}

export interface Users {
  /** `undefined` where another account has the e-mail key. */
  create(user: NewUser): Promise<User | undefined>;
  /** Reads the user and locks it until the transaction ends. */
  lock(user: bigint): Promise<Credentials | undefined>;
  /** Reads and locks the user and all admins that are not disabled, ascending. */
  lockWithAdmins(user: bigint): Promise<User[]>;
  /** @param changed whether the password itself changes, and not only the parameters of its hash */
  setPasswordHash(user: bigint, passwordHash: string, changed: boolean): Promise<void>;
  setRole(user: bigint, role: Role): Promise<void>;
  disable(user: bigint): Promise<void>;
}

export type AuditedEvent =
  | { readonly kind: 'registered' | 'logged in' | 'token reused' | 'password changed'; readonly user: bigint }
  /** Without a user: nobody has this e-mail address. */
  | { readonly kind: 'login failed'; readonly user: bigint | undefined }
  | { readonly kind: 'role changed'; readonly user: bigint; readonly actor: bigint | undefined; readonly role: Role }
  | { readonly kind: 'disabled'; readonly user: bigint; readonly actor: bigint };

export interface Audit {
  add(event: AuditedEvent, device?: Device): Promise<void>;
}

/** Attempts that one key has made since its last success. */
export interface Attempts {
  readonly key: string;
  readonly count: number;
  /** Until the next one is allowed, in milliseconds; 0 where it is allowed now. */
  readonly waitMs: number;
}

export interface CountedAttempt {
  readonly key: string;
  readonly count: number;
  readonly delayMs: number;
}

/** Attempts of all replicas. */
export interface LoginFailures {
  /** Whether the key has a row that is not to be forgotten. */
  has(key: string): Promise<boolean>;
  /** Reads the keys, a row each, and locks them until the transaction ends. */
  lock(keys: readonly string[]): Promise<Attempts[]>;
  /** A new row, and one that was to be forgotten, is kept for `keptMs`; any other one is forgotten when it would have been before. */
  save(attempts: readonly CountedAttempt[], keptMs: number): Promise<void>;
  /** Keeps a row that counts nothing for `keptMs` from now on. */
  mark(key: string, keptMs: number): Promise<void>;
  remove(keys: readonly string[]): Promise<void>;
}

/** Why sessions end. `evicted`: the user has newer ones, as many as a user may have. */
export type EndReason = 'logout' | 'reused' | 'password changed' | 'role changed' | 'disabled' | 'evicted';

/** One step of a session. Its refresh token is computed from these. */
export interface SessionStep {
  readonly sessionID: string;
  /** Counts the refresh tokens of the session from 1. */
  readonly counter: number;
}

export interface LockedSession {
  readonly user: Pick<User, 'user' | 'email' | 'role'>;
  readonly counter: number;
  /** The session has neither ended nor expired, and the user is not disabled. */
  readonly isLive: boolean;
  /** The last step is so recent that the token before it may ask for its successor again. */
  readonly isInGrace: boolean;
  /** It expires then, however often it is used. */
  readonly endsAt: Date;
}

/** An ended session is published with the transaction, so that its access tokens are refused too. */
export interface Sessions {
  /** The caller has locked the user, so that a session either starts before `endAll` or does not start. */
  start(user: bigint, device: Device): Promise<SessionStep>;
  /** Reads the session and its user, and locks the session until the transaction ends. */
  lock(sessionID: string): Promise<LockedSession | undefined>;
  /** Moves the session to its next step. */
  rotate(sessionID: string, device: Device): Promise<void>;
  /** @returns whether the session was live and, if a user is given, the user's */
  end(sessionID: string, reason: EndReason, user?: bigint): Promise<boolean>;
  /** Whether the user has had this session, as long as it is kept. */
  has(user: bigint, sessionID: string): Promise<boolean>;
  /** Ends the live sessions of the user, but for one. @returns how many ended */
  endAll(user: bigint, reason: EndReason, except?: string): Promise<number>;
}

export interface ShownSession {
  readonly sessionID: string;
  readonly createdAt: Date;
  readonly usedAt: Date;
  readonly expiresAt: Date;
  readonly address: string | undefined;
  readonly userAgent: string | undefined;
}

/** Counts up to a limit, so that a scrape has a bounded cost. */
export interface SessionCounter {
  live(countMax: number, context: Context): Promise<number>;
  /** Users who logged in or refreshed within this time. */
  activeUsers(countMax: number, withinMs: number, context: Context): Promise<number>;
}

export interface SessionReader {
  /** The live sessions of the user, newest first. */
  list(user: bigint, context: Context): Promise<ShownSession[]>;
}

export interface Repositories {
  readonly users: Users;
  readonly loginFailures: LoginFailures;
  readonly audit: Audit;
  readonly sessions: Sessions;
}

/** The unit of work: a transaction commits whole or not at all. A lost race repeats the work. */
export interface Store {
  transaction<T>(work: (repositories: Repositories) => Promise<T>, context: Context): Promise<T>;
}

/** A place among the hashes that run or wait. Disposing frees it. */
export interface HashPlace extends Disposable {
  /** @returns a PHC string with the current parameters */
  hash(password: string, context: Context): Promise<string>;
  /** Without a hash it does the same work, and the answer is false. */
  verify(passwordHash: string | undefined, password: string, context: Context): Promise<boolean>;
}

export interface Passwords {
  /** Throws resource_exhausted where too many hashes wait. */
  enter(): HashPlace;
  /** Whether the hash has weaker parameters than the current ones. */
  isOutdated(passwordHash: string): boolean;
  /** What makes the password unfit for the account; `undefined` where it is fit. */
  problemOf(password: string, email: string): PasswordProblem | undefined;
  readonly lengthMin: number;
}

export type PasswordProblem = 'too_short' | 'common' | 'context';
