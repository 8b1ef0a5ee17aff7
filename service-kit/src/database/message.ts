import type { PoolClient, QueryResultRow } from 'pg';
import { pg } from './postgres.ts';

/** A statement of a message. */
export interface Part {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Under this name the server keeps the statement, parsed and planned. */
  readonly preparedName?: string | undefined;
  /** As far as is known, the server keeps it already. */
  readonly isPrepared?: boolean;
  /** Called as soon as the server has executed the part, before it executes the parts behind it. */
  readonly onDone?: () => void;
}

/** pg's types omit these methods, or declare them with a parameter that is gone. */
interface RawConnection {
  readonly stream: { cork(): void; uncork(): void };
  parse(statement: { readonly name: string; readonly text: string }): void;
  bind(portal: { readonly statement: string; readonly values: readonly unknown[] }): void;
  describe(portal: { readonly type: 'P' }): void;
  execute(portal: object): void;
  close(statement: { readonly type: 'S'; readonly name: string }): void;
  flush(): void;
  sync(): void;
}
interface RawResult {
  readonly rows: QueryResultRow[];
  addFields(fields: readonly object[]): void;
  parseRow(columns: readonly unknown[]): QueryResultRow;
}
type Submittable = Parameters<PoolClient['query']>[0];

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils;

/**
 * Sends statements in one message, for one round trip. If one fails, Postgres skips those behind it, also a COMMIT, because there is
 * one Sync at the end (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).
 *
 * @returns the rows of each part
 * @throws pg's DatabaseError, or the error of the connection
 */
export function sendMessage(client: PoolClient, parts: readonly Part[]): Promise<QueryResultRow[][]> {
  return new Promise((resolve, reject) => {
    // Before anything is sent: a value that cannot be converted must not leave half a message.
    const values = parts.map((part) => (part.values ?? []).map((value) => prepareValue(value)));
    const results: RawResult[] = parts.map(() => new pg.Result('', client as never) as unknown as RawResult);
    let done = 0;
    let failure: unknown;

    /** The interface of pg-cursor: pg calls `submit`, then a handler for each answer of the server. */
    const message = {
      submit(connection: RawConnection) {
        connection.stream.cork();
        for (const [index, part] of parts.entries()) sendPart(connection, part, values[index] ?? []);
        connection.sync();
        connection.stream.uncork();
      },
      handleRowDescription({ fields }: { readonly fields: readonly object[] }) {
        results[done]?.addFields(fields);
      },
      handleDataRow({ fields }: { readonly fields: readonly unknown[] }) {
        try {
          const result = results[done] as RawResult;
          result.rows.push(result.parseRow(fields));
        } catch (error) {
          failure ??= error;
        }
      },
      handleCommandComplete() {
        parts[done]?.onDone?.();
        done += 1;
      },
      handleError: reject,
      handleReadyForQuery() {
        if (failure === undefined) resolve(results.map(({ rows }) => rows));
        else reject(failure);
      },
    };
    client.query(message as unknown as Submittable);
  });
}

function sendPart(connection: RawConnection, part: Part, values: readonly unknown[]): void {
  const { text, preparedName: name = '', isPrepared = false, onDone } = part;
  if (!isPrepared) {
    // Another client of pgbouncer may have left it on this server's connection. To close a statement that does not exist is no error.
    if (name !== '') connection.close({ type: 'S', name });
    connection.parse({ name, text });
  }
  connection.bind({ statement: name, values });
  connection.describe({ type: 'P' });
  connection.execute({});
  if (onDone) connection.flush();
}
