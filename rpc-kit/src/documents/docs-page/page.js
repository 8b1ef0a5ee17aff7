/**
 * The script of the docs page: copies curl lines and sends the try-it forms. JSON stays text in both directions, because JSON.parse
 * would round an int64.
 */

/** Longer than the timeout of any method without a stream. */
const ANSWER_TIMEOUT_MS = 60_000;
const COPIED_SHOWN_MS = 1_500;

/** Wraps params, as typed, in a JSON-RPC call. */
export function rpcEnvelope(method, paramsText) {
  const params = paramsText.trim() === '' ? '' : `,"params":${paramsText}`;
  return `{"jsonrpc":"2.0","id":1,"method":${JSON.stringify(method)}${params}}`;
}

/** Indents JSON text without changing its tokens. Text that is not JSON is indented oddly but never shortened. */
export function indentJson(text) {
  const tokens = text.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+|"/g) ?? [];
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  const pieces = tokens.map((token, index) => {
    const opens = token === '{' || token === '[';
    const closes = token === '}' || token === ']';
    const isEmpty = opens && /^[}\]]$/.test(tokens[index + 1] ?? '');
    if (opens && !isEmpty) {
      depth += 1;
      return token + line();
    }
    if (closes && !/^[{[]$/.test(tokens[index - 1] ?? '')) {
      depth = Math.max(0, depth - 1);
      return line() + token;
    }
    if (token === ',') return token + line();
    return token === ':' ? ': ' : token;
  });
  return pieces.join('');
}

/** A stream is shown while it arrives. */
async function readText(response, onText) {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.text();
  let text = '';
  try {
    for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
      text += part;
      onText(text);
    }
  } catch (error) {
    text += `: ${error.message}\n`;
  }
  return text;
}

async function call(form, onAnswer) {
  const fields = new FormData(form);
  const method = form.dataset.method;
  const isPlain = fields.get('face') === 'plain';
  const headers = { 'content-type': 'application/json' };
  for (const name of ['idempotency-key', 'authorization', 'x-deadline-ms']) {
    // `make token` prints the header with its name.
    const value = fields
      .get(name)
      ?.trim()
      .replace(/^authorization:\s*/i, '');
    if (value) headers[name] = value;
  }
  // The textarea's value, because FormData would convert its line breaks to CR LF.
  const params = form.elements.params.value;
  const startedAt = performance.now();
  const response = await fetch(isPlain ? encodeURIComponent(method) : 'rpc', {
    method: 'POST',
    headers,
    body: isPlain ? params : rpcEnvelope(method, params),
    cache: 'no-store',
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  const answerOf = (text) => answerTexts({ response, text, tookMs: Math.round(performance.now() - startedAt) });
  return answerOf(await readText(response, (text) => onAnswer(answerOf(text))));
}

function answerTexts({ response, text, tookMs }) {
  const requestId = response.headers.get('x-request-id');
  const retryAfter = response.headers.get('retry-after');
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '');
  const status = [
    `HTTP ${response.status} ${response.statusText}`.trim(),
    `${tookMs} ms`,
    requestId === null ? 'no request id' : `request ${requestId}`,
    ...(retryAfter === null ? [] : [`retry after ${retryAfter} s`]),
  ];
  return { status: status.join(' · '), body: isJson ? indentJson(text) : text };
}

async function send(form) {
  if (form.ariaBusy === 'true') return;
  form.ariaBusy = 'true';
  const output = form.querySelector('.answer');
  const show = ({ status, body }) => {
    output.querySelector('[data-answer-status]').textContent = status;
    output.querySelector('[data-answer-body]').textContent = body;
    output.querySelector('pre').hidden = body === '';
    output.hidden = false;
  };
  show(await call(form, show).catch((error) => ({ status: `No answer: ${error.message}`, body: '' })));
  form.ariaBusy = 'false';
}

async function copy(button) {
  const code = button.closest('.curl').querySelector('code');
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    // The clipboard API is missing over plain HTTP from another host; execCommand copies the selection.
    getSelection().selectAllChildren(code);
    document.execCommand('copy');
  }
  button.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = 'Copy';
  }, COPIED_SHOWN_MS);
}

function start() {
  const base = new URL('.', location.href).href.slice(0, -1);
  for (const element of document.querySelectorAll('[data-base]')) element.textContent = base;
  document.addEventListener('submit', (event) => {
    event.preventDefault();
    void send(event.target);
  });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('[data-copy]');
    if (button) void copy(button);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.target.closest('form')?.requestSubmit();
  });
}

// Tests import the functions above without a document.
if (globalThis.document) start();
