import { createHash } from 'node:crypto';

/** SQL text and its parameters, never values in the text: of the tags below, or of squel's builders. */
export interface Statement {
  toParam(): {
    readonly text: string;
    readonly values: unknown[];
    /** The server keeps the statement under this name, parsed and planned. */
    readonly preparedName?: string;
  };
}

interface Fixed {
  readonly text: string;
  readonly preparedName: string;
}

const fixed = new WeakMap<TemplateStringsArray, Fixed>();

/**
 * A statement whose text never varies: `statement`SELECT … WHERE id = ${id}``. Each value becomes a parameter, a list becomes
 * a Postgres array. The text is made once for each template.
 *
 * @throws {TypeError} for an undefined value: pg would send NULL for it, which a misspelt name must not become
 */
export function statement(parts: TemplateStringsArray, ...values: unknown[]): Statement {
  const { text } = toFixed(parts, values);
  return { toParam: () => ({ text, values }) };
}

/**
 * The same, kept by the server: it is parsed and planned once, for all values, instead of each time. For statements that run often, whose
 * best plan is the same for all values and at any time (a kept plan may be of a moment with other statistics), and whose result has the
 * same columns after any migration: name them, never `*`.
 */
export function preparedStatement(parts: TemplateStringsArray, ...values: unknown[]): Statement {
  const { text, preparedName } = toFixed(parts, values);
  return { toParam: () => ({ text, values, preparedName }) };
}

function toFixed(parts: TemplateStringsArray, values: readonly unknown[]): Fixed {
  const found = fixed.get(parts) ?? toNew(parts);
  const missing = values.indexOf(undefined);
  if (missing >= 0) throw new TypeError(`Value $${missing + 1} is undefined; pass null for NULL: ${found.text.trim()}`);
  return found;
}

/** Services and versions that share a connection of pgbouncer must never mean different statements by one name. */
function toNew(parts: TemplateStringsArray): Fixed {
  const text = parts.reduce((sql, part, index) => `${sql}$${index}${part}`);
  const made = { text, preparedName: createHash('sha256').update(text).digest('hex').slice(0, 32) };
  fixed.set(parts, made);
  return made;
}
