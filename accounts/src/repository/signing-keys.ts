import { type Database, type Executor, statement } from 'service-kit';
import { NEXT_MS } from '../domain/rotate-keys.ts';
import type {
  KeyState,
  PublicKey,
  SigningKeyReader,
  SigningKeyStore,
  SigningKeys,
  StoredSigningKey,
} from '../domain/token-ports.ts';

interface KeyRow {
  readonly kid: string;
  readonly state: KeyState;
  readonly is_due: boolean;
  readonly public_jwk: string;
  readonly private_encrypted: Buffer | null;
}

/** A few rows: one next, one active, and the retired ones of the last hour. */
const listKeys = () => statement`
  SELECT kid, state, until <= clock_timestamp() AS is_due, public_jwk, private_encrypted FROM signing_keys ORDER BY kid`;

export function createSigningKeyReader(database: Database): SigningKeyReader {
  return {
    async list({ signal }) {
      return (await database.run<KeyRow>('list signing keys', listKeys(), { signal })).map(toKey);
    },
  };
}

export function createSigningKeyStore(database: Database): SigningKeyStore {
  return {
    transaction: (work, { signal }) => database.transaction((on) => work(createSigningKeys(on)), { signal }),
  };
}

function createSigningKeys(transaction: Executor): SigningKeys {
  return {
    async lock() {
      // Held until the transaction ends, as pgbouncer's transaction mode allows.
      const lock = statement`SELECT pg_advisory_xact_lock('signing_keys'::regclass::oid::bigint)`;
      await transaction.run('lock signing keys', lock);
      return (await transaction.run<KeyRow>('list locked signing keys', listKeys())).map(toKey);
    },

    async add({ kid, publicJwk, privateEncrypted }, state, forMs) {
      const add = statement`
        INSERT INTO signing_keys (kid, alg, public_jwk, private_encrypted, state, until)
        VALUES (${kid}, ${publicJwk.alg}, ${JSON.stringify(publicJwk)}, ${privateEncrypted}, ${state},
          clock_timestamp() + ${forMs} * interval '1 millisecond')`;
      await transaction.run('add signing key', add);
    },

    async activate(kid, forMs) {
      const activate = statement`
        UPDATE signing_keys SET state = 'active', until = clock_timestamp() + ${forMs} * interval '1 millisecond'
        WHERE kid = ${kid}`;
      await transaction.run('activate signing key', activate);
    },

    async retire(kid, forMs) {
      const retire = statement`
        UPDATE signing_keys SET state = 'retired', private_encrypted = NULL,
          until = clock_timestamp() + ${forMs} * interval '1 millisecond'
        WHERE kid = ${kid}`;
      await transaction.run('retire signing key', retire);
    },

    async remove(kid) {
      await transaction.run('remove signing key', statement`DELETE FROM signing_keys WHERE kid = ${kid}`);
    },
  };
}

/** Each replica of accounts and each gateway reads the keys every 5 s, or after 5 more if a reading fails. */
const PUBLISHED_MS_MIN = 15_000;

/**
 * The services replace the active key by the next one within seconds; it verifies for another hour. A next key that has just been
 * made, because keys were rotated a moment ago, is published for some seconds first: no verifier would know it otherwise.
 */
export async function endActiveKey(database: Database): Promise<void> {
  const end = statement`
    UPDATE signing_keys SET until = CASE
      WHEN state = 'active' THEN clock_timestamp()
      ELSE greatest(clock_timestamp(), until - ${NEXT_MS - PUBLISHED_MS_MIN} * interval '1 millisecond')
    END
    WHERE state = 'active' OR (state = 'next' AND until > clock_timestamp() + interval '1 minute')`;
  await database.run('end active signing key', end);
}

/** The services make new keys within seconds; every access token of the old ones is refused. */
export async function removeSigningKeys(database: Database): Promise<void> {
  await database.run('remove signing keys', statement`DELETE FROM signing_keys`);
}

function toKey(row: KeyRow): StoredSigningKey {
  return {
    kid: row.kid,
    state: row.state,
    isDue: row.is_due,
    publicJwk: JSON.parse(row.public_jwk) as PublicKey,
    privateEncrypted: row.private_encrypted ?? undefined,
  };
}
