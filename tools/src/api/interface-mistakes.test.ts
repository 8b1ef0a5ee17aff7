import assert from 'node:assert/strict';
import { findMistakes } from './interface-mistakes.ts';

const REPORT = `
// @public
export function open(options: OpenOptions): Door;

// @public (undocumented)
export interface OpenOptions {
    // (undocumented)
    readonly hinge: Hinge;
}

// @public (undocumented)
export const DOORS_MAX: 3;
`;

describe('The public interface', () => {
  it('has a docstring for each export, not for each member', () => {
    assert.deepEqual(findMistakes([REPORT], new Set(), new Set()), [
      'OpenOptions is exported and has no docstring: say what it is for.',
      'DOORS_MAX is exported and has no docstring: say what it is for.',
    ]);
  });

  it('exports each type that its signatures mention, from one of its entries', () => {
    const documented = REPORT.replaceAll(' (undocumented)', '');
    const other = '// @public\nexport interface Hinge {\n}\n';
    assert.deepEqual(findMistakes([documented, other], new Set(['Door', 'Hinge', 'HINGES']), new Set()), [
      'A public signature mentions Door, which no entry exports: export it in rpc-kit/src/types.ts.',
    ]);
  });

  it('has exceptions only where they are needed', () => {
    const documented = REPORT.replaceAll(' (undocumented)', '');
    assert.deepEqual(findMistakes([documented], new Set(['Door']), new Set(['Door', 'Hinge'])), [
      'Hinge is exported or gone: remove it from PASSED_ON.',
    ]);
  });
});
