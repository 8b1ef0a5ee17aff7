import { type Database, type Executor, type Statement, sql, statement } from 'service-kit';
import type { Credentials, Role, User, UserReader, Users } from '../domain/ports.ts';

interface UserRow {
  readonly user_id: bigint;
  readonly email: string;
  readonly role: Role;
  readonly created_at: Date;
  readonly disabled_at: Date | null;
}

interface CredentialsRow extends UserRow {
  readonly password_hash: string;
  readonly credentials_changed_at: Date;
}

export function createUserReader(database: Database): UserReader {
  async function find(name: string, by: Statement, signal: AbortSignal): Promise<Credentials | undefined> {
    const [row] = await database.run<CredentialsRow>(name, by, { signal });
    return row && toCredentials(row);
  }

  return {
    find: (user, { signal }) =>
      find(
        'find user',
        statement`
          SELECT user_id, email, role, created_at, disabled_at, password_hash, credentials_changed_at FROM users WHERE user_id = ${user}`,
        signal,
      ),

    findByEmailKey: (emailKey, { signal }) =>
      find(
        'find user by email',
        statement`
          SELECT user_id, email, role, created_at, disabled_at, password_hash, credentials_changed_at FROM users
          WHERE email_key = ${emailKey}`,
        signal,
      ),

    async list(limit, after, { signal }) {
      const list = sql.select().from('users').fields(['user_id', 'email', 'role', 'created_at', 'disabled_at']);
      if (after !== undefined) list.where('user_id > ?', after);
      const rows = await database.run<UserRow>('list users', list.order('user_id').limit(limit), { signal });
      return rows.map(toUser);
    },
  };
}

export function createUsers(transaction: Executor): Users {
  return {
    async create({ email, emailKey, passwordHash, role }) {
      // Waits for another transaction that inserts the same address.
      const create = statement`
        INSERT INTO users (email, email_key, password_hash, role)
        VALUES (${email}, ${emailKey}, ${passwordHash}, ${role})
        ON CONFLICT (email_key) DO NOTHING
        RETURNING user_id, email, role, created_at, disabled_at`;
      const [row] = await transaction.run<UserRow>('create user', create);
      return row && toUser(row);
    },

    async lock(user) {
      const lock = statement`
        SELECT user_id, email, role, created_at, disabled_at, password_hash, credentials_changed_at FROM users
        WHERE user_id = ${user} FOR NO KEY UPDATE`;
      const [row] = await transaction.run<CredentialsRow>('lock user', lock);
      return row && toCredentials(row);
    },

    async lockWithAdmins(user) {
      // One statement locks all in one order: a user who becomes an admin meanwhile would be locked in two orders otherwise.
      const lock = statement`
        SELECT user_id, email, role, created_at, disabled_at FROM users
        WHERE user_id = ${user} OR (role = 'admin' AND disabled_at IS NULL) ORDER BY user_id FOR NO KEY UPDATE`;
      return (await transaction.run<UserRow>('lock user and admins', lock)).map(toUser);
    },

    async setPasswordHash(user, passwordHash, changed) {
      const update = statement`
        UPDATE users SET password_hash = ${passwordHash},
          credentials_changed_at = CASE WHEN ${changed} THEN statement_timestamp() ELSE credentials_changed_at END
        WHERE user_id = ${user}`;
      await transaction.run('set password hash', update);
    },

    async setRole(user, role) {
      await transaction.run('set role', statement`UPDATE users SET role = ${role} WHERE user_id = ${user}`);
    },

    async disable(user) {
      const disable = statement`UPDATE users SET disabled_at = statement_timestamp() WHERE user_id = ${user}`;
      await transaction.run('disable user', disable);
    },
  };
}

function toUser(row: UserRow): User {
  return {
    user: row.user_id,
    email: row.email,
    role: row.role,
    createdAt: row.created_at,
    disabled: row.disabled_at !== null,
  };
}

function toCredentials(row: CredentialsRow): Credentials {
  return { ...toUser(row), passwordHash: row.password_hash, passwordChangedAt: row.credentials_changed_at };
}
