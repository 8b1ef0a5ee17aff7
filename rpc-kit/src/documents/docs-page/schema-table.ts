import type { JsonSchema } from '../wire-schema.ts';
import { type Html, html, inlineCode } from './html.ts';
import { constraintTexts, keywordsOf, typeName } from './schema-text.ts';

/** A row: a param, a member of the result, or a member of either at any depth. */
export interface Field {
  readonly name: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/** The deepest level of the table; openrpc.json has the whole schema. */
const DEPTH_MAX = 6;

/** Fields as a table. Members of objects, and of objects in arrays, are indented below their owner. */
export function fieldTable(caption: string, fields: readonly Field[]): Html {
  return html`<table class="fields">
<caption>${caption}</caption>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Notes</th></tr></thead>
<tbody>
${fields.map((field) => fieldRows(field, 0))}</tbody>
</table>`;
}

/** The members of an object; for any other schema, one field of the given name. */
export function fieldsOf(schema: JsonSchema, name: string): readonly Field[] {
  const members = membersOf(schema);
  const isObject = keywordsOf(schema).type === 'object' || members.length > 0;
  return isObject ? members : [{ name, required: true, schema }];
}

function fieldRows({ name, required, schema }: Field, depth: number): Html[] {
  const levels = [schema, ...itemLevels(schema)];
  const { description } = keywordsOf(schema);
  const need = required ? 'required' : 'optional';
  const row = html`<tr class="depth-${depth}">
<th scope="row"><code>${name}</code> <span class="${need}">${need}</span></th>
<td><code>${typeName(schema)}</code></td>
<td>${description && html`<p>${inlineCode(description)}</p>`}${levels
    .flatMap(constraintTexts)
    .map((text) => html`<span class="constraint">${text}</span> `)}</td>
</tr>
`;
  if (depth === DEPTH_MAX) return [row];
  return [row, ...levels.flatMap(membersOf).flatMap((member) => fieldRows(member, depth + 1))];
}

/** The item schemas of an array and of the arrays in it. */
function itemLevels(schema: JsonSchema): readonly JsonSchema[] {
  const { items } = keywordsOf(schema);
  return items === undefined ? [] : [items, ...itemLevels(items)];
}

function membersOf(schema: JsonSchema): readonly Field[] {
  const {
    properties = {},
    required = [],
    additionalProperties,
    allOf = [],
    anyOf = [],
    oneOf = [],
  } = keywordsOf(schema);
  const members = Object.entries(properties).map(([name, member]) => {
    return { name, required: required.includes(name), schema: member };
  });
  if (typeof additionalProperties === 'object') {
    members.push({ name: '(any other name)', required: false, schema: additionalProperties });
  }
  return [...members, ...[...allOf, ...anyOf, ...oneOf].flatMap(membersOf)];
}
