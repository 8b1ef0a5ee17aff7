/** SQL text and its parameters, never values in the text: of the tag `statement`, or of squel's builders. */
export interface Statement {
  toParam(): { readonly text: string; readonly values: unknown[] };
}

const texts = new WeakMap<TemplateStringsArray, string>();

/**
 * A statement whose text never varies: `statement`SELECT … WHERE id = ${id}``. Each value becomes a parameter, a list becomes
 * a Postgres array. The text is made once for each template.
 *
 * @throws {TypeError} for an undefined value: pg would send NULL for it, which a misspelt name must not become
 */
export function statement(parts: TemplateStringsArray, ...values: unknown[]): Statement {
  const text = texts.get(parts) ?? parts.reduce((sql, part, index) => `${sql}$${index}${part}`);
  texts.set(parts, text);
  const missing = values.indexOf(undefined);
  if (missing >= 0) throw new TypeError(`Value $${missing + 1} is undefined; pass null for NULL: ${text.trim()}`);
  return { toParam: () => ({ text, values }) };
}
