import assert from 'node:assert/strict';
import { CODES, type Code, codeOfHttpStatus, codeOfJsonRpcNumber, isCode } from './code.ts';

const codes = Object.keys(CODES) as Code[];

describe('codes', () => {
  it('are this closed table, on which clients rely', () => {
    assert.deepEqual(
      codes.map((code) => [code, CODES[code].jsonRpc, CODES[code].http, CODES[code].retry]),
      [
        ['parse_error', -32700, 400, 'never'],
        ['invalid_request', -32600, 400, 'never'],
        ['method_not_found', -32601, 404, 'never'],
        ['invalid_params', -32602, 400, 'never'],
        ['internal', -32603, 500, 'never'],
        ['cancelled', -32001, 499, 'never'],
        ['deadline_exceeded', -32004, 504, 'when-safe'],
        ['not_found', -32005, 404, 'never'],
        ['already_exists', -32006, 409, 'never'],
        ['permission_denied', -32007, 403, 'never'],
        ['resource_exhausted', -32008, 429, 'after-pause'],
        ['failed_precondition', -32009, 412, 'never'],
        ['aborted', -32010, 409, 'from-the-start'],
        ['unimplemented', -32012, 501, 'never'],
        ['unavailable', -32014, 503, 'after-pause'],
        ['unauthenticated', -32016, 401, 'never'],
      ],
    );
  });

  it('are found again by their JSON-RPC number, and no other number is one', () => {
    for (const code of codes) assert.equal(codeOfJsonRpcNumber(CODES[code].jsonRpc), code);
    for (const number of [0, -32000, -32002, -32099, Number.NaN]) assert.equal(codeOfJsonRpcNumber(number), undefined);
  });

  it('differ from other words, including those that every object has', () => {
    for (const code of codes) assert.ok(isCode(code));
    for (const word of ['', 'Internal', 'toString', '__proto__', 5, null, undefined]) assert.equal(isCode(word), false);
  });

  it('are guessed from an HTTP status to one that travels under that status', () => {
    const guessed = new Set(codes.map((code) => CODES[code].http));
    for (const status of guessed) assert.equal(CODES[codeOfHttpStatus(status)].http, status);
  });

  it('are guessed from what proxies and other servers answer', () => {
    const answers = { 405: 'invalid_request', 413: 'invalid_request', 415: 'invalid_request', 502: 'unavailable' };
    for (const [status, code] of Object.entries(answers)) assert.equal(codeOfHttpStatus(Number(status)), code);
    for (const status of [200, 302, 418, 599]) assert.equal(codeOfHttpStatus(status), 'internal');
  });
});
