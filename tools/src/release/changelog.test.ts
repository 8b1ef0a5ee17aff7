import assert from 'node:assert/strict';
import { changelogSection } from './changelog.ts';

const CHANGELOG = `# Changelog

## 0.3.0 (unreleased)

- Third.

## 0.2.0 (2026-12-01)

- Second,
  on two lines.

## 0.1.0 (2026-11-01)
`;

describe('The changelog of a release', () => {
  it('is the section of its version', () => {
    assert.equal(changelogSection(CHANGELOG, '0.2.0', true), '- Second,\n  on two lines.\n');
  });

  it('needs its date once it is released', () => {
    assert.equal(changelogSection(CHANGELOG, '0.3.0', false), '- Third.\n');
    assert.throws(
      () => changelogSection(CHANGELOG, '0.3.0', true),
      /The date of the section of 0\.3\.0 .* is "unreleased": write/,
    );
  });

  it('is refused where it is missing or empty', () => {
    assert.throws(
      () => changelogSection(CHANGELOG, '0.4.0', true),
      /has no section "## 0\.4\.0 \(<date>\)": write one\.$/,
    );
    assert.throws(() => changelogSection(CHANGELOG, '0.1.0', true), /There is no text in the section of 0\.1\.0 /);
  });
});
