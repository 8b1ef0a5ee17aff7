import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Query } from 'invariants';
import { PROJECT_DIRECTORY } from 'mesh';
import { superuserUrl } from 'mesh/postgres';
import { withSuperuser } from 'service-kit/provision';
import type { RanStatement } from './ran-statements.ts';
import type { TestDatabase } from './test-database.ts';
import { readTestServer } from './test-server.ts';

/** Plans are tested as for databases with this number of orders. */
export const PLANNED_ORDERS = 1_000_000;

/** The parts of EXPLAIN's JSON that the tests read (https://www.postgresql.org/docs/current/using-explain.html). */
type Plan = {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows'?: number;
  readonly 'Actual Loops'?: number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
};

async function scansOf(query: Query, { text, values }: RanStatement, options = ''): Promise<Plan[]> {
  const rows = await query(`EXPLAIN (FORMAT JSON${options}) ${text}`, values);
  const roots = rows.flatMap((row) => row['QUERY PLAN'] as { Plan: Plan }[]).map(({ Plan: root }) => root);
  const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
  return roots.flatMap(nodesOf).filter((node) => node['Relation Name'] !== undefined);
}

/** The lines of the plan for all values that Postgres keeps of a prepared statement. In a transaction only. */
export async function keptPlanOf(query: Query, { text, values }: RanStatement): Promise<string[]> {
  await query('SET LOCAL plan_cache_mode = force_generic_plan');
  await query(`PREPARE kept AS ${text}`);
  const plan = await query(`EXPLAIN EXECUTE kept (${values.map(() => 'NULL')})`);
  await query('DEALLOCATE kept');
  return plan.map((row) => String(row['QUERY PLAN']));
}

/** Those of the tables that Postgres would scan sequentially for the statement. */
export async function listSequentialScans(
  query: Query,
  statement: RanStatement,
  tables: readonly string[],
): Promise<string[]> {
  const scans = await scansOf(query, statement);
  const sequential = scans.filter((scan) => scan['Node Type'] === 'Seq Scan');
  return sequential.map((scan) => scan['Relation Name'] ?? '').filter((table) => tables.includes(table));
}

/** The number of rows that a statement reads from tables when it is run. */
export async function rowsReadBy(query: Query, statement: RanStatement): Promise<number> {
  const scans = await scansOf(query, statement, ', ANALYZE');
  const rowsOf = (scan: Plan) => (scan['Actual Rows'] ?? 0) + (scan['Rows Removed by Filter'] ?? 0);
  return scans.reduce((sum, scan) => sum + rowsOf(scan) * (scan['Actual Loops'] ?? 1), 0);
}

/** Orders (or other rows) per statement: no statement may exceed the role's timeout. */
const STEP = 2_000;

export type Past = {
  readonly orders: number;
  readonly tables: readonly string[];
  /** The statements that write the orders from the first to the last. */
  readonly statementsOf: (first: number, last: number) => readonly string[];
};

/** Writes a past step by step. Each time it has doubled, ANALYZE updates the statistics, since later steps read earlier rows. */
export async function writePast(query: Query, { orders, tables, statementsOf }: Past): Promise<void> {
  let analyzed = 0;
  for (let first = 1; first <= orders; first += STEP) {
    const last = Math.min(first + STEP - 1, orders);
    for (const statement of statementsOf(first, last)) await query(statement);
    if (last < 2 * analyzed && last < orders) continue;
    for (const table of tables) await query(`ANALYZE ${table}`);
    analyzed = last;
  }
}

/**
 * Multiplies the rows in the planner's statistics, since writing millions of rows takes minutes, and turns autovacuum off. The
 * planner counts the pages itself, so a sequential scan seems cheaper than it would be: a plan with an index stays one.
 */
export async function pretendRows({ directUrl }: TestDatabase, times: number): Promise<void> {
  const url = new URL(superuserUrl(readTestServer()));
  url.pathname = new URL(directUrl).pathname;
  await withSuperuser(url.href, async (client) => {
    const { rows } = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
    for (const { tablename } of rows) {
      const table = client.escapeIdentifier(tablename);
      await client.query(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`);
      await client.query(`ANALYZE ${table}`);
    }
    await client.query(
      `UPDATE pg_class SET reltuples = reltuples * $1
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') AND reltuples > 0`,
      [times],
    );
  });
}

const NAMES = /\.run(?:<[^()]*>)?\(\s*'([^']+)'/g;

/** The names of all statements in the source text of the folders. */
function statementsIn(...folders: string[]): string[] {
  const files = folders.flatMap((folder) => globSync(join(PROJECT_DIRECTORY, folder, '**/*.ts')));
  const sources = files.filter((file) => !file.endsWith('.test.ts')).map((file) => readFileSync(file, 'utf8'));
  return [...new Set(sources.flatMap((text) => [...text.matchAll(NAMES)].map(([, name = '']) => name)))].toSorted();
}

type PlannedStatements = {
  /** The folder of the statements: `loms/src/repository`. */
  readonly folder: string;
  /** All of them, by name, ascending. */
  readonly names: readonly string[];
  /** The tables that grow. */
  readonly tables: readonly string[];
  /** The statements that were run, once the tests begin. */
  readonly ran: () => readonly RanStatement[];
  /** Runs work in a transaction that is rolled back. */
  readonly trial: <T>(work: (query: Query) => Promise<T>) => Promise<T>;
};

/** Tests within a `describe` that every statement was run, and that none scans a growing table sequentially. */
export function itReadsByIndexOnly({ folder, names, tables, ran, trial }: PlannedStatements): void {
  it('are all tested here', () => {
    const found = new Set(ran().map(({ name }) => name));
    assert.deepEqual([...found].toSorted(), names);
    assert.deepEqual(
      statementsIn(folder).filter((name) => !found.has(name)),
      [],
    );
  });

  for (const name of names) {
    it(`scan no growing table sequentially: ${name}`, async () => {
      assert.deepEqual(await trial((query) => listSequentialScans(query, lastOf(ran(), name), tables)), []);
    });
  }

  it('scan none either by the plan that the server keeps for all values', async () => {
    for (const name of names) {
      const statement = lastOf(ran(), name);
      if (statement.preparedName === undefined) continue;
      const plan = await trial((query) => keptPlanOf(query, statement));
      assert.ok(plan.length > 1, name);
      assert.deepEqual(
        plan.filter((line) => tables.some((table) => line.includes(`Seq Scan on ${table}`))),
        [],
        name,
      );
    }
  });
}

/** The last run of a statement. */
export function lastOf(ran: readonly RanStatement[], name: string): RanStatement {
  const found = ran.findLast((statement) => statement.name === name);
  assert.ok(found, `"${name}" was not run`);
  return found;
}
