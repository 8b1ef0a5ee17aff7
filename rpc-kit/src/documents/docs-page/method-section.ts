import { CODES, type Code } from '../../code.ts';
import type { DocumentedError } from '../answer-table.ts';
import type { OpenRpcMethod } from '../openrpc.ts';
import { curlBlock } from './curl.ts';
import { type Html, html, inlineCode, prose } from './html.ts';
import { type Field, fieldsOf, fieldTable } from './schema-table.ts';
import { jsonText } from './schema-text.ts';
import { tryItForm } from './try-it.ts';

const RETRY_TEXTS: Readonly<Record<string, string>> = {
  safe: 'safe to repeat',
  'with-idempotency-key': 'safe to repeat with an idempotency key',
  never: 'not safe to repeat',
};

/** One method: summary, params, result, errors, and how to call it. */
export function methodSection(method: OpenRpcMethod, id: string): Html {
  const [example] = method.examples;
  const stream = method['x-stream'];
  const params = Object.fromEntries((example?.params ?? []).map(({ name, value }) => [name, value]));
  const envelope = { jsonrpc: '2.0', id: 1, method: method.name, params };
  return html`<section id="${method.name}" aria-labelledby="${id}:title">
<h2 id="${id}:title"><a href="#${encodeURIComponent(method.name)}">${method.name}</a></h2>
<p class="summary">${inlineCode(method.summary)}</p>
${method.description && prose(method.description)}
${factList(methodFacts(method))}
${fieldsPart('Params', method.params, 'It takes none.')}
${fieldsPart(stream ? 'Each item of the stream' : 'Result', fieldsOf(method.result.schema, 'result'), 'An empty object.')}
${errorsPart(method['x-errors'], method['x-codes'] ?? {})}
<h3>Call it</h3>
${curlBlock('Plain face', `/${method.name}`, jsonText(params), stream ? '-sSN' : undefined)}
${!stream && curlBlock('JSON-RPC', '/rpc', jsonText(envelope))}
${example && html`<p>${stream ? 'An item:' : 'The result:'}</p><pre tabindex="0" aria-label="Example result"><code>${jsonText(example.result.value, 2)}</code></pre>`}
${tryItForm(method, jsonText(params, 2), id)}
</section>
`;
}

function methodFacts(method: OpenRpcMethod): [string, string][] {
  const { 'x-retry': retry, 'x-positions': positions, 'x-callers': callers } = method;
  const facts: [string, string][] = [
    ['Effect', method['x-reads'] ? 'only reads' : 'changes data'],
    ['Timeout', `${method['x-timeout-ms']} ms`],
    ['Retry', RETRY_TEXTS[retry] ?? retry],
  ];
  const stream = method['x-stream'];
  if (stream) facts.push(['Answers with', 'a stream of server-sent events']);
  if (stream?.resume) facts.push(['Resumed by', `${stream.resume}, or Last-Event-ID`]);
  if (callers.length > 0) facts.push(['Called by', callers.join(', ')]);
  if (positions && positions.length > 0) facts.push(['By position', `[${positions.join(', ')}]`]);
  return facts;
}

/** Short facts with their names, on one line where there is room. */
function factList(facts: readonly [string, string][]): Html {
  return html`<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function fieldsPart(title: string, fields: readonly Field[], noteWhenNone: string): Html {
  return html`<h3>${title}</h3>
${fields.length > 0 ? fieldTable(title, fields) : html`<p class="note">${noteWhenNone}</p>`}`;
}

function errorsPart(errors: readonly DocumentedError[], codes: NonNullable<OpenRpcMethod['x-codes']>): Html {
  const bare = Object.entries(codes) as [Code, string][];
  if (errors.length + bare.length === 0)
    return html`<h3>Errors</h3>\n<p class="note">None but those that any call can end with.</p>`;
  return html`<h3>Errors</h3>
<table class="errors">
<caption>Errors</caption>
<thead><tr><th scope="col">Reason</th><th scope="col">Code</th><th scope="col">HTTP</th><th scope="col">JSON-RPC</th></tr></thead>
<tbody>
${errors.map(errorRows)}${bare.map(codeRow)}</tbody>
</table>`;
}

function codeRow([code, when]: [Code, string]): Html {
  return html`<tr>
<th scope="row"><p>${when}</p></th>
<td><code>${code}</code></td>
<td data-label="HTTP ">${CODES[code].http}</td>
<td data-label="JSON-RPC ">${CODES[code].jsonRpc}</td>
</tr>
`;
}

function errorRows({ reason, code, httpStatus, jsonRpcCode, message, details }: DocumentedError): Html {
  const fields = details === undefined ? [] : fieldsOf(details, 'details');
  return html`<tr>
<th scope="row"><code>${reason}</code><p>${message}</p></th>
<td><code>${code}</code></td>
<td data-label="HTTP ">${httpStatus}</td>
<td data-label="JSON-RPC ">${jsonRpcCode}</td>
</tr>
${
  fields.length > 0 &&
  html`<tr class="details"><td colspan="4"><details>
<summary>Details</summary>
${fieldTable(`Details of ${reason}`, fields)}
</details></td></tr>
`
}`;
}
