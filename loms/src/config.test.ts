import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describeConfig } from 'service-kit';
import { lomsConfig } from './config.ts';

describe('The configuration of loms', () => {
  it('is what the README says', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const rows = readme.split('\n').filter((line) => /^\| `[A-Z_]+`/.test(line));
    const written = rows.map((row) => row.split('|').map((cell) => cell.trim()));
    assert.deepEqual(
      written.map(([, name, fallback, meaning]) => ({ name, fallback, meaning })),
      describeConfig(lomsConfig).map(({ name, fallback = '', meaning }) => ({
        name: `\`${name}\``,
        fallback,
        meaning,
      })),
    );
  });
});
