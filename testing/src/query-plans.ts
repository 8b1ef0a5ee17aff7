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

/** How Postgres means to carry statements out, in databases of this many orders. */
export const PLANNED_ORDERS = 1_000_000;

/** The parts of EXPLAIN's JSON that are looked at (https://www.postgresql.org/docs/current/using-explain.html). */
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

/** The tables that Postgres would read from end to end for the statement, of those given. */
export async function readFromEndToEnd(
  query: Query,
  statement: RanStatement,
  tables: readonly string[],
): Promise<string[]> {
  const scans = await scansOf(query, statement);
  const sequential = scans.filter((scan) => scan['Node Type'] === 'Seq Scan');
  return sequential.map((scan) => scan['Relation Name'] ?? '').filter((table) => tables.includes(table));
}

/** How many rows of tables a statement looks at when it is carried out. */
export async function rowsReadBy(query: Query, statement: RanStatement): Promise<number> {
  const scans = await scansOf(query, statement, ', ANALYZE');
  const rowsOf = (scan: Plan) => (scan['Actual Rows'] ?? 0) + (scan['Rows Removed by Filter'] ?? 0);
  return scans.reduce((sum, scan) => sum + rowsOf(scan) * (scan['Actual Loops'] ?? 1), 0);
}

/** So many orders at a time, or whatever the past is made of: no statement may take longer than the role's limit. */
const STEP = 2_000;

export type Past = {
  readonly orders: number;
  readonly tables: readonly string[];
  /** What writes the orders from the first to the last one. */
  readonly statementsOf: (first: number, last: number) => readonly string[];
};

/** Writes a past step by step. The planner hears of it each time that it has doubled, for later steps read what earlier ones wrote. */
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
 * Tells the planner that the tables hold so many times the rows that they do, and keeps autovacuum from finding out. Millions
 * of rows would take minutes to write; the planner looks at statistics only, except for the pages, which it counts itself. So
 * a table seems to lie on fewer pages than it would, and to read all of it seems cheaper: who takes an index here takes one there.
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

/** The names of the statements in the source text of the folders, for a test that must not leave any of them out. */
function statementsIn(...folders: string[]): string[] {
  const files = folders.flatMap((folder) => globSync(join(PROJECT_DIRECTORY, folder, '**/*.ts')));
  const sources = files.filter((file) => !file.endsWith('.test.ts')).map((file) => readFileSync(file, 'utf8'));
  return [...new Set(sources.flatMap((text) => [...text.matchAll(NAMES)].map(([, name = '']) => name)))].toSorted();
}

export type PlannedStatements = {
  /** Where the statements stand: `loms/src/repository`. */
  readonly folder: string;
  /** All of them, by name, ascending. */
  readonly names: readonly string[];
  /** The tables that grow. */
  readonly tables: readonly string[];
  /** What was run, once the tests begin. */
  readonly ran: () => readonly RanStatement[];
  /** Runs work in a transaction that is rolled back. */
  readonly trial: <T>(work: (query: Query) => Promise<T>) => Promise<T>;
};

/** For the inside of a `describe`: every statement was run, and none of them reads a table that grows from end to end. */
export function itReadsByIndexOnly({ folder, names, tables, ran, trial }: PlannedStatements): void {
  it('are all looked at here', () => {
    const found = new Set(ran().map(({ name }) => name));
    assert.deepEqual([...found].toSorted(), names);
    assert.deepEqual(
      statementsIn(folder).filter((name) => !found.has(name)),
      [],
    );
  });

  for (const name of names) {
    it(`read no table from end to end: ${name}`, async () => {
      assert.deepEqual(await trial((query) => readFromEndToEnd(query, lastOf(ran(), name), tables)), []);
    });
  }
}

/** How a statement was run the last time. */
export function lastOf(ran: readonly RanStatement[], name: string): RanStatement {
  const found = ran.findLast((statement) => statement.name === name);
  assert.ok(found, `"${name}" was not run`);
  return found;
}
