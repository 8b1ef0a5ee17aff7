import type { OpenRpcMethod } from '../openrpc.ts';
import { type Html, html } from './html.ts';

const ROWS_MIN = 3;
const ROWS_MAX = 18;

/** The form that calls the method from the page. The script sends the params as typed. */
export function tryItForm(method: OpenRpcMethod, paramsText: string, id: string): Html {
  const rows = Math.min(ROWS_MAX, Math.max(ROWS_MIN, paramsText.split('\n').length));
  return html`<details class="try">
<summary>Try it</summary>
<form data-method="${method.name}">
<fieldset>
<legend>Face</legend>
<label><input type="radio" name="face" value="plain" checked> Plain <code>POST /${method.name}</code></label>
${!method['x-stream'] && html`<label><input type="radio" name="face" value="rpc"> JSON-RPC <code>POST /rpc</code></label>`}
</fieldset>
<label for="${id}:params">Params, sent as typed</label>
<textarea id="${id}:params" name="params" rows="${rows}" spellcheck="false" autocomplete="off" autocapitalize="off">
${paramsText}</textarea>
<div class="headers">
${!method['x-reads'] && headerField(`${id}:key`, 'idempotency-key', 'Idempotency key', html`maxlength="255"`)}
${method['x-callers'].length > 0 && headerField(`${id}:authorization`, 'authorization', 'Service token', html`placeholder="Bearer …"`)}
${headerField(`${id}:deadline`, 'x-deadline-ms', 'Deadline, ms', html`inputmode="numeric" placeholder="${method['x-timeout-ms']}"`)}
</div>
<button type="submit">Send</button>
<div class="answer" role="status" hidden>
<p data-answer-status></p>
<pre tabindex="0" aria-label="Answer"><code data-answer-body></code></pre>
</div>
</form>
</details>`;
}

/** A field named after the header that carries its value. */
function headerField(id: string, header: string, label: string, attributes: Html): Html {
  return html`<div>
<label for="${id}">${label} <span class="optional">optional</span></label>
<input id="${id}" name="${header}" autocomplete="off" spellcheck="false" ${attributes}>
</div>`;
}
