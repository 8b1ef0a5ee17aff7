import assert from 'node:assert/strict';
import { prefersHtml } from './accept.ts';

describe('a client that accepts', () => {
  const html = [
    'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
    'TEXT/HTML',
    'text/*',
    'text/html;q=0.1',
    'text/html ; charset=utf-8 ; Q=0.7 , application/json;q=0.7',
    'application/json;q=0, text/html;q=0.001',
  ];
  for (const accept of html) {
    it(`${accept} prefers HTML`, () => assert.ok(prefersHtml(accept)));
  }

  const json = [
    undefined,
    '',
    '*/*',
    'application/json',
    'text/html;q=0',
    'text/html;q=0.0, */*',
    'text/html;q=wrong',
    'application/json, text/html;q=0.9',
    '*/*, text/html;q=0.5',
    'text/plain, text/htmlx',
  ];
  for (const accept of json) {
    it(`${accept ?? 'nothing in particular'} does not`, () => assert.ok(!prefersHtml(accept)));
  }
});
