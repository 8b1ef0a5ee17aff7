import assert from 'node:assert/strict';
import { z } from 'zod';
import { ConfigError, loadConfig } from './config.ts';
import { variable } from './variables.ts';

const SECRET = 'hunter2';

/** Loads one variable, or returns the message of its mistake. */
function load(field: z.ZodType, text: string): unknown {
  try {
    return loadConfig(z.object({ NAME: field }), { NAME: text }).NAME;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    assert.doesNotMatch(JSON.stringify(Object.getOwnPropertyDescriptors(error)), new RegExp(SECRET));
    return error.message.replace(/\. The README's table describes each variable\.$/, '');
  }
}

function takes(field: z.ZodType, accepted: Record<string, unknown>): void {
  for (const [text, value] of Object.entries(accepted)) {
    it(`takes ${JSON.stringify(text)}`, () => {
      assert.deepEqual(load(field, text), value);
    });
  }
}

function refuses(field: z.ZodType, texts: readonly string[], reason: RegExp): void {
  for (const text of texts) {
    it(`refuses ${JSON.stringify(text)} in a sentence`, () => {
      const said = load(field, text);
      assert.match(String(said), /^NAME is wrong: /);
      assert.match(String(said), reason);
    });
  }
}

describe('A variable for a whole number', () => {
  const field = variable.whole(3, { min: 1, max: 100 });
  takes(field, { '1': 1, '100': 100, '007': 7, '': 3 });
  const strange = [' ', '\t', ' 5 ', '5\n', '+5', '-0', '-1', '5.0', '1e1', '0x10', '0b1', '1_0', '1,0', '١٢', '５'];
  refuses(
    field,
    [...strange, 'NaN', 'Infinity', 'null', 'true', '0', '101', '9'.repeat(30)],
    /^NAME is wrong: it is ".*", but has to be a whole number from 1 to 100$/s,
  );
  refuses(
    field,
    ['9'.repeat(1_000), `http://u:${SECRET}@host`, `http://u:${SECRET}#@host`],
    /wrong: it has to be a whole number from 1 to 100$/,
  );
});

describe('A variable for a ratio', () => {
  const field = variable.ratio(1);
  takes(field, { '0': 0, '1': 1, '0.25': 0.25, '1.0': 1, '': 1 });
  refuses(field, ['NaN', ' ', '1.5', '-1', '.5', '1e-3', '0,5', '50%', 'Infinity'], /has to be a number from 0 to 1/);
});

describe('A variable for second attempts', () => {
  const field = variable.hedge();
  takes(field, { '': 'off', off: 'off', p50: { afterPercentile: 50 }, p99: { afterPercentile: 99 } });
  takes(field, { '1': { afterMs: 1 }, '60000': { afterMs: 60_000 } });
  refuses(
    field,
    ['on', 'p', 'p49', 'p100', 'p99.9', 'P95', '0', '-1', '60001', '20ms', ' '],
    /has to be off, a percentile from p50 to p99, or milliseconds from 1 to 60000$/,
  );
});

describe('A variable for faults', () => {
  const field = variable.faults().optional();
  const fault = { method: 'buy', kind: 'drop', share: 0.1, code: 'unavailable' };
  takes(field, { '': undefined, 'buy:drop:0.1': { faults: [fault], seed: undefined } });
  refuses(field, ['buy', ' ', 'on', 'buy:drop:2'], /^NAME is wrong: it is ".*", but has to be /);
});

describe('A variable for limits of methods', () => {
  const field = variable.methodLimits().optional();
  takes(field, { '': undefined, 'buy:5/s': [{ method: 'buy', tokens: 5, intervalMs: 1_000 }] });
  refuses(field, ['buy', ' ', 'buy:5'], /^NAME is wrong: it is ".*", but has to be method:calls/);
});

describe('A variable for a choice', () => {
  const field = variable.choice(['off', 'on'], 'off');
  takes(field, { on: 'on', off: 'off', '': 'off' });
  refuses(field, ['ON', 'On', ' on', 'on ', ' ', 'true', '1', 'yes'], /is ".*", but has to be one of off, on$/);
});

describe('A variable for a text, a secret or a file', () => {
  refuses(variable.text(), [' ', '\t\n'], /it is blank$/);
  refuses(variable.secret(), [' '], /it is blank$/);
  takes(variable.secret(), { ' a b ': ' a b ' });
  takes(variable.file(), { [import.meta.filename]: import.meta.filename });
  refuses(variable.file(), ['/nowhere/ca.pem', '/'], /a file that can be read \((ENOENT|EISDIR)\)$/);
  refuses(
    variable.file(),
    [`http://u:${SECRET}@host`],
    /^NAME is wrong: it has to be a file that can be read \(ENOENT\)$/,
  );
});

describe('A variable for the address to listen on', () => {
  const field = variable.host('127.0.0.1');
  takes(field, { '0.0.0.0': '0.0.0.0', '::': '::', '[::1]': '::1', localhost: 'localhost', '': '127.0.0.1' });
  const strange = [' ', ' localhost', 'localhost ', '127.0.0.1:80', '[::1]:80', '256.1.1.1', '127.1', '0', 'a..b'];
  refuses(field, [...strange, '[::1', 'http://host', `u:${SECRET}@host`], /has to be a name or an IP address/);
});

describe('A variable for addresses of servers', () => {
  const field = variable.hostPorts();
  takes(field, { 'a:1': ['a:1'], ' a:1 , b.c:65535 ': ['a:1', 'b.c:65535'], '[::1]:9092': ['[::1]:9092'] });
  const ports = ['a', 'a:', 'a:0', 'a:65536', 'a:99999', 'a:+1', 'a:1e3', 'a: 1', ':1'];
  const hosts = [
    '::1:9092',
    '[::1]',
    '[zz]:1',
    'a b:1',
    'a..b:1',
    'http://a:1',
    `u:${SECRET}@a:1`,
    'a:1;b:2',
    '1.2.3:1',
    '999.1.1.1:1',
    ' ',
  ];
  refuses(field, [...ports, ...hosts.slice(0, -1)], /has to be host:port with a port from 1 to 65535$/);
  refuses(field, ['a:1,', ',a:1', 'a:1,,b:2'], /in place \d, nothing stands between the commas$/);
  refuses(field, ['a:1,b:2,a:1'], /place 3 repeats an earlier one$/);
  refuses(field, ['a:1,b'], /in place 2, it is "b", but has to be host:port/);
});

describe('A variable for addresses and networks', () => {
  const field = variable.networks();
  takes(field, {
    '10.0.0.0/8, ::1': ['10.0.0.0/8', '::1'],
    'fd00::/8': ['fd00::/8'],
    '127.0.0.1/32': ['127.0.0.1/32'],
  });
  const strange = ['proxy', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0/8', '10.0.0.0/-1', '/8', '10.0.0.1:80'];
  refuses(field, strange, /has to be an IP address or a network such as 10\.0\.0\.0\/8$/);
});

describe('A variable for the endpoints of a service', () => {
  const field = variable.peerUrls();
  takes(field, {
    'http://a:1, https://b': ['http://a:1', 'https://b'],
    'http://u:p@a/base?x=1': ['http://u:p@a/base?x=1'],
    'DNS+HTTP://loms:8081': ['dns+HTTP://loms:8081'],
  });
  refuses(field, ['http://a;http://b', 'http://a/;http://b', 'http://a http://b'], /URLs are separated by commas$/);
  refuses(field, ['http://a,', ','], /nothing stands between the commas$/);
  refuses(
    field,
    ['http://a,http://a', 'http://a,http://a/', 'http://a,HTTP://A:80'],
    /place 2 repeats an earlier one$/,
  );
  refuses(field, ['dns+http://a,http://b'], /a URL with dns\+ has to stand alone$/);
  refuses(field, ['http://a:99999', 'http://a:0'], /its port has to be from 1 to 65535$/);
  refuses(
    field,
    [`http://u:12/${SECRET}@a`, `http://u:${SECRET}?@a`, `http://u:${SECRET},x@a`, `http://u:${SECRET}%@a`],
    /user name or password/,
  );
  refuses(field, [`http://a/#${SECRET}`], /behind a #/);
});

describe('A variable for hosts', () => {
  takes(variable.hosts(), { 'Shop.example:8443': ['shop.example:8443'], '10.0.0.7': ['10.0.0.7'], '[::1]': ['[::1]'] });
  refuses(
    variable.hosts(),
    ['8080', '0', '1.5', '10.0.0.7.1', 'shop.example,8080'],
    /has to be names as shop\.example/,
  );
});

describe('A variable for one URL', () => {
  takes(variable.httpUrl(), { 'http://u:p@host/hook?x=1': 'http://u:p@host/hook?x=1' });
  takes(variable.publicUrl(), { 'https://shop.example/v1': 'https://shop.example/v1' });
  refuses(variable.publicUrl(), ['https://u:p@shop.example', 'https://u@shop.example'], /everybody may read this URL/);
  refuses(variable.httpUrl(), [' http://a', 'http://a ', 'dns+http://a', 'a', ' '], /has to be a URL like/);
  refuses(variable.collectorUrl(), [`http://a/?key=${SECRET}`], /takes no query/);
  takes(variable.databaseUrl(), { 'postgres://u:p@h:1/d?sslmode=require': 'postgres://u:p@h:1/d?sslmode=require' });
  refuses(
    variable.databaseUrl(),
    [`postgres://u:12/${SECRET}@h/d`, `postgres://u:${SECRET}#@h/d`, `postgres://u:${SECRET}%@h/d`],
    /user name or password/,
  );
  refuses(variable.databaseUrl(), ['mysql://h/d', 'h', ' '], /has to be a URL like postgres:/);
  refuses(variable.databaseUrl(), ['postgres://h:0/d', 'postgres://h:70000/d'], /its port/);
});

describe('Wrong variables', () => {
  it('are reported together with missing and contradictory ones', () => {
    const schema = z
      .object({ A: variable.port(1), B: variable.text(), C: variable.choice(['x', 'y'], 'x') })
      .refine(() => false, { error: 'A and B do not go together', when: () => true });
    assert.throws(() => loadConfig(schema, { A: ' ', C: 'z' }), {
      name: 'ConfigError',
      message:
        'A is wrong: it is " ", but has to be a whole number from 0 to 65535; B is not set; ' +
        'C is wrong: it is "z", but has to be one of x, y; A and B do not go together. ' +
        "The README's table describes each variable.",
    });
  });
});
