import { queryOnce } from './query-once.ts';

/** Excludes the relations of pg-migrations itself, which stay after a rollback. */
const OWN = "relname NOT LIKE 'atdatabases\\_%'";
const RELATIONS = `pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = 'public' AND ${OWN}`;

/** Every object that a migration can create in a schema, one line each. */
const QUERIES = [
  `SELECT 'table ' || relname AS line FROM ${RELATIONS} AND relkind IN ('r', 'p')`,
  `SELECT 'view ' || relname || ' ' || pg_get_viewdef(pg_class.oid) AS line FROM ${RELATIONS} AND relkind IN ('v', 'm')`,
  `SELECT 'sequence ' || relname || ' ' || format_type(seqtypid, NULL) || ' ' || seqstart || ' ' || seqincrement AS line
   FROM pg_sequence JOIN pg_class ON pg_class.oid = seqrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE nspname = 'public' AND ${OWN}`,
  `SELECT concat_ws(' ', 'column', relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
     attgenerated, pg_get_expr(adbin, adrelid)) AS line
   FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
     LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
   WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm') AND attnum > 0 AND NOT attisdropped AND ${OWN}`,
  `SELECT 'index ' || pg_get_indexdef(indexrelid) AS line
   FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE nspname = 'public' AND ${OWN}`,
  `SELECT concat_ws(' ', 'constraint', relname, conname, pg_get_constraintdef(pg_constraint.oid)) AS line
   FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE nspname = 'public' AND ${OWN}`,
  `SELECT 'trigger ' || pg_get_triggerdef(oid) AS line FROM pg_trigger WHERE NOT tgisinternal`,
  `SELECT 'function ' || pg_get_functiondef(pg_proc.oid) AS line
   FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace WHERE nspname = 'public' AND prokind IN ('f', 'p')`,
  `SELECT concat_ws(' ', 'type', typname, typtype, array_agg(enumlabel ORDER BY enumsortorder)) AS line
   FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace LEFT JOIN pg_enum ON enumtypid = pg_type.oid
   WHERE nspname = 'public' AND typtype IN ('e', 'd') GROUP BY typname, typtype`,
  `SELECT 'schema ' || nspname AS line FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'`,
  `SELECT 'extension ' || extname AS line FROM pg_extension`,
];

export async function describeSchema(url: string): Promise<string> {
  const lines = await Promise.all(QUERIES.map((query) => queryOnce(url, query)));
  return lines
    .flat()
    .map(({ line }) => String(line))
    .sort()
    .join('\n');
}
