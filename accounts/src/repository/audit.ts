import { callingService, type Database, type Executor, statement } from 'service-kit';
import type { Audit, Context } from '../domain/ports.ts';

/** @param context the call that acts; its service and request id are kept with the event */
export function createAudit(transaction: Executor, { requestId, caller }: Context): Audit {
  const [callerName, request] = [(caller && callingService(caller)) || null, requestId ?? null];

  return {
    async add(event, device) {
      const { kind, user = null } = event;
      const address = device?.address ?? null;
      if (kind === 'login failed') {
        const count = statement`
          INSERT INTO audit_events (kind, user_id, hour, address, caller, request_id)
          VALUES (${kind}, ${user}, date_trunc('hour', statement_timestamp(), 'UTC'), ${address}, ${callerName}, ${request})
          ON CONFLICT (coalesce(user_id, 0), hour) WHERE kind = 'login failed' DO UPDATE
          SET count = audit_events.count + 1, happened_at = excluded.happened_at,
            address = excluded.address, caller = excluded.caller, request_id = excluded.request_id`;
        await transaction.run('count failed login', count);
        return;
      }
      const [actor, role] = ['actor' in event ? (event.actor ?? null) : null, 'role' in event ? event.role : null];
      const add = statement`
        INSERT INTO audit_events (kind, user_id, actor_id, role, address, caller, request_id)
        VALUES (${kind}, ${user}, ${actor}, ${role}, ${address}, ${callerName}, ${request})`;
      await transaction.run('add audit event', add);
    },
  };
}

/** Old rows are deleted in steps of this many, so that no transaction is long. */
const BATCH_MAX = 1_000;

/** @returns whether there may be more of them */
export async function forgetAuditEvents(database: Database, keptDays: number, signal: AbortSignal): Promise<boolean> {
  const forget = statement`
    DELETE FROM audit_events WHERE event_id IN (
      SELECT event_id FROM audit_events WHERE happened_at < statement_timestamp() - ${keptDays} * interval '1 day'
      ORDER BY happened_at LIMIT ${BATCH_MAX} FOR UPDATE SKIP LOCKED
    )
    RETURNING event_id`;
  return (await database.run('forget audit events', forget, { signal })).length === BATCH_MAX;
}
