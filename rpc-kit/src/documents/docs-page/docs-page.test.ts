import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { defineService, type MethodContract } from '../../contract.ts';
import { rawNumber } from '../../schema/json.ts';
import { idempotencyKey, int64, uint16, uint32, uint64 } from '../../schema/wire-types.ts';
import { openRpcDocument } from '../openrpc.ts';
import { docsPage } from './docs-page.ts';

const ABOUT = { summary: 'Keeps carts.', version: '1.2.3' };

const addToCart = {
  summary: 'Puts goods into the cart.',
  description: 'Counts what the cart holds of `sku`.\n\nSecond paragraph.',
  params: z.strictObject({ user: int64, sku: uint32, count: uint16, note: z.string().max(40).optional() }),
  result: z.object({}),
  errors: {
    insufficient_stock: {
      code: 'failed_precondition',
      message: 'There is less on sale.',
      details: z.object({ available: uint64 }),
    },
  },
  timeoutMs: 800,
  positions: ['user', 'sku', 'count'],
  example: {
    params: { user: rawNumber('9223372036854775807'), sku: 1076963, count: 2, note: "it's for 9007199254740993" },
    result: {},
  },
} as const satisfies MethodContract;

const listCart = {
  summary: 'Shows the cart.',
  params: z.strictObject({ user: int64 }),
  result: z.object({
    items: z.array(z.object({ sku: uint32.describe('The `sku` of the goods.'), name: z.string() })).max(1000),
    totalPrice: uint64,
  }),
  timeoutMs: 2000,
  reads: true,
  example: { params: { user: 1 }, result: { items: [], totalPrice: 9223372036854775808n } },
} as const satisfies MethodContract;

const purchase = {
  summary: 'Makes an order of the cart.',
  params: z.strictObject({ user: int64, idempotencyKey: idempotencyKey.optional() }),
  result: z.object({ orderID: int64, status: z.enum(['new', 'awaiting payment']) }),
  timeoutMs: 1500,
  access: { callers: ['gateway'] },
  retry: 'with-idempotency-key',
  example: { params: { user: 1 }, result: { orderID: 1, status: 'new' } },
} as const satisfies MethodContract;

const methods = { addToCart, listCart, purchase };

describe('docs page', () => {
  const document = openRpcDocument(defineService('checkout', ABOUT, methods));
  const { html, contentSecurityPolicy } = docsPage(document);
  const section = (name: string): string =>
    html.split('<section ').find((part) => part.startsWith(`id="${name}"`)) ?? '';

  it('lists every method with a link to its section', () => {
    for (const name of Object.keys(methods)) {
      assert.ok(html.includes(`<a href="#${name}">${name}</a>`), name);
      assert.notEqual(section(name), '', name);
    }
  });

  it('links to the other pages of the service', () => {
    for (const path of ['openrpc.json', 'openapi.json', 'healthz', 'readyz', 'metrics']) {
      assert.ok(html.includes(`href="${path}"`), path);
    }
  });

  it('links to no page that is not served beside it', () => {
    const few = docsPage(document, ['/docs', '/openapi.json']).html;
    assert.deepEqual(few.match(/(?<=<ul class="links">).*(?=<\/ul>)/)?.[0].match(/href="[^"]*"/g), [
      'href="openapi.json"',
    ]);
  });

  it('shows types with their formats, and bounds beyond a double to the last digit', () => {
    assert.match(rowOf('user', section('addToCart')), /required.*int64.*-9223372036854775808 … 9223372036854775807/s);
    assert.match(rowOf('count', section('addToCart')), /uint16.*0 … 65535/s);
    assert.match(rowOf('totalPrice', section('listCart')), /uint64.*0 … 18446744073709551615/s);
    assert.match(rowOf('status', section('purchase')), /&#34;new&#34; or &#34;awaiting payment&#34;/);
  });

  it('marks fields as required or optional and shows lengths', () => {
    assert.match(rowOf('note', section('addToCart')), /optional.*string.*at most 40 characters/s);
    assert.match(rowOf('idempotencyKey', section('purchase')), /optional.*1 … 255 characters/s);
  });

  it('indents the members of the objects in an array below it', () => {
    assert.match(rowOf('items', section('listCart')), /depth-0.*array of object.*at most 1000 items/s);
    assert.match(rowOf('sku', section('listCart')), /depth-1.*uint32.*The <code>sku<\/code> of the goods\./s);
  });

  it('shows what a call does, how long it may take, when it may be repeated and in what order params go', () => {
    const facts = (name: string): string => section(name).match(/<dl.*<\/dl>/)?.[0] ?? '';
    assert.match(facts('addToCart'), /changes data.*800 ms.*not safe to repeat.*\[user, sku, count\]/);
    assert.match(facts('listCart'), /only reads.*2000 ms.*safe to repeat/);
    assert.match(facts('purchase'), /safe to repeat with an idempotency key/);
  });

  it('shows each reason with its code, numbers and details', () => {
    const errors = section('addToCart').match(/<table class="errors">.*?<h3>Call it/s)?.[0] ?? '';
    assert.match(errors, /insufficient_stock.*There is less on sale\..*failed_precondition.*412.*-32009.*available/s);
    assert.match(section('listCart'), /None but those that any call can end with/);
  });

  it('shows refusals without a reason, which have a code and a sentence', () => {
    const codes = { unauthenticated: 'The token is wrong.' };
    const guarded = { guarded: { ...listCart, codes } };
    const page = docsPage(openRpcDocument(defineService('checkout', ABOUT, guarded))).html;
    assert.match(page, /The token is wrong\..*unauthenticated.*401.*-32016/s);
    assert.doesNotMatch(page, /None but those that any call can end with/);
  });

  it('shows curl lines for both faces that a shell accepts unchanged', () => {
    const lines = textOf(section('addToCart'));
    const params = `{"user":9223372036854775807,"sku":1076963,"count":2,"note":"it'\\''s for 9007199254740993"}`;
    assert.ok(lines.includes(`/addToCart \\\n  -H 'content-type: application/json' \\\n  -d '${params}'`), lines);
    assert.ok(lines.includes(`-d '{"jsonrpc":"2.0","id":1,"method":"addToCart","params":${params}}'`), lines);
  });

  it('puts the example into the form and the result below the curl lines with every digit', () => {
    const form = section('addToCart').match(/<textarea.*?<\/textarea>/s)?.[0] ?? '';
    assert.match(textOf(form), /{\n {2}"user": 9223372036854775807,\n {2}"sku": 1076963/);
    assert.match(textOf(section('listCart')), /"totalPrice": 9223372036854775808/);
  });

  it('offers an idempotency key only where a call changes something', () => {
    assert.match(section('purchase'), /name="idempotency-key"/);
    assert.doesNotMatch(section('listCart'), /name="idempotency-key"/);
    assert.match(section('listCart'), /name="x-deadline-ms"[^>]*placeholder="2000"/);
    assert.match(section('purchase'), /<dt>Called by<\/dt><dd>gateway<\/dd>.*name="authorization"/s);
    assert.doesNotMatch(section('listCart'), /Called by|name="authorization"/);
  });

  it('labels every field of its forms', () => {
    for (const [, id = ''] of html.matchAll(/<(?:textarea|input) id="([^"]+)"/g)) {
      assert.ok(html.includes(`<label for="${id}">`), id);
    }
  });

  it('allows by its policy exactly the style and the script that it carries', () => {
    for (const tag of ['style', 'script']) {
      const [, text = ''] = html.match(new RegExp(`<${tag}[^>]*>(.*?)</${tag}>`, 's')) ?? [];
      const hash = createHash('sha256').update(text).digest('base64');
      assert.notEqual(text, '');
      assert.ok(contentSecurityPolicy.includes(`${tag}-src 'sha256-${hash}'`), tag);
      assert.equal(html.split(`<${tag}`).length, 2, `one ${tag}`);
    }
    assert.match(contentSecurityPolicy, /^default-src 'none'; .*connect-src 'self'/);
    assert.doesNotMatch(contentSecurityPolicy, /unsafe/);
  });

  it('needs nothing that its policy forbids', () => {
    const withoutParts = html.replace(/<(style|script)[^>]*>.*?<\/\1>/gs, '');
    assert.doesNotMatch(withoutParts, /<[^>]+ (?:style|on\w+)=/);
    assert.doesNotMatch(withoutParts, /(?:src|href|action)="(?:https?:|\/\/)/);
  });

  it('escapes every text of the document', () => {
    const evil = `</textarea></style><script>alert("1" & '2')</script>`;
    const property = { type: 'string', description: evil, pattern: evil, enum: [evil], default: evil };
    const schema = { type: 'object', properties: { [evil]: property } };
    const page = docsPage({
      openrpc: '1.3.2',
      info: { title: evil, version: evil, description: `${evil} \`${evil}\`` },
      methods: [
        {
          name: evil,
          summary: evil,
          description: evil,
          paramStructure: 'either',
          params: [{ name: evil, required: true, schema: { ...schema, format: evil } }],
          result: { name: evil, schema },
          errors: [],
          examples: [{ name: evil, params: [{ name: evil, value: evil }], result: { name: evil, value: evil } }],
          'x-callers': [evil],
          'x-timeout-ms': 1,
          'x-reads': false,
          'x-retry': evil,
          'x-positions': [evil],
          'x-errors': [{ reason: evil, code: evil, httpStatus: 412, jsonRpcCode: 1, message: evil, details: schema }],
        },
      ],
    });
    assert.ok(page.html.includes('&#60;script&#62;'));
    assert.doesNotMatch(page.html, /<script>|alert\("|alert\('/);
    assert.equal(page.html.split('</textarea>').length, 2);
    assert.equal(page.html.split('</script>').length, 2);
    assert.equal(page.html.split('</style>').length, 2);
  });

  it('stops where a schema nests without end in sight', () => {
    let schema: Record<string, unknown> = { type: 'integer' };
    for (let depth = 50; depth > 0; depth -= 1) schema = { type: 'object', properties: { [`level${depth}`]: schema } };
    const [method] = document.methods;
    assert.ok(method);
    const page = docsPage({ ...document, methods: [{ ...method, result: { name: 'deep', schema } }] });
    assert.match(page.html, /level7</);
    assert.doesNotMatch(page.html, /level8</);
  });

  it('shows a result that is no object under a name of its own', () => {
    const [method] = document.methods;
    assert.ok(method);
    const result = {
      name: 'skus',
      schema: { type: 'array', items: { type: 'integer', format: 'uint32' }, minItems: 1 },
    };
    const page = docsPage({ ...document, methods: [{ ...method, result }] });
    assert.match(rowOf('result', page.html), /array of uint32.*at least 1 item/s);
  });
});

describe('docs page script', () => {
  // Plain JavaScript without types: the test imports what the browser receives.
  const script = import(new URL('./page.js', import.meta.url).href);

  it('puts params into the envelope as they were typed', async () => {
    const { rpcEnvelope } = await script;
    const typed = '{ "user": 9223372036854775807, "price": 1.50,\n }';
    assert.equal(rpcEnvelope('stocks', typed), `{"jsonrpc":"2.0","id":1,"method":"stocks","params":${typed}}`);
    assert.equal(rpcEnvelope('stocks', ' \n'), '{"jsonrpc":"2.0","id":1,"method":"stocks"}');
  });

  it('sets JSON on lines without touching a token', async () => {
    const { indentJson } = await script;
    const compact = '{"id":9223372036854775807,"e":[],"o":{},"n":[1.50,-2e400],"s":"a{b}\\"[,]: c","t":true}';
    const lines = [
      '{',
      '  "id": 9223372036854775807,',
      '  "e": [],',
      '  "o": {},',
      '  "n": [',
      '    1.50,',
      '    -2e400',
      '  ],',
      '  "s": "a{b}\\"[,]: c",',
      '  "t": true',
      '}',
    ];
    assert.equal(indentJson(compact), lines.join('\n'));
    assert.equal(indentJson(indentJson(compact)), lines.join('\n'));
  });

  it('loses nothing of an answer that only claims to be JSON', async () => {
    const { indentJson } = await script;
    const broken = '}]{"open: 1, "x" <oops> \\';
    assert.equal(indentJson(broken).replace(/\s/g, ''), broken.replace(/\s/g, ''));
  });
});

/** The table row of a field, by its name. */
function rowOf(name: string, html: string): string {
  const row = html.match(/<tr.*?<\/tr>/gs)?.find((candidate) => candidate.includes(`<code>${name}</code> <span`));
  assert.ok(row, `a row for ${name}`);
  return row;
}

/** What a reader sees of the markup. */
function textOf(html: string): string {
  return html.replace(/<[^>]+>/g, '').replace(/&#(\d+);/g, (_entity, code) => String.fromCharCode(Number(code)));
}
