import assert from 'node:assert/strict';
import { parseStages, STAGES } from './test-stages.ts';

describe('TEST_STAGES', () => {
  it('names some of the stages', () => {
    assert.deepEqual(parseStages('kafka,unit'), ['kafka', 'unit']);
  });

  it('means all of them where it says nothing', () => {
    assert.deepEqual(parseStages(undefined), STAGES);
    assert.deepEqual(parseStages(''), STAGES);
  });

  it('is refused with the names that there are', () => {
    assert.throws(() => parseStages('unit,kafak'), /TEST_STAGES contains kafak: use some of unit, integration, /);
  });
});
