import assert from 'node:assert/strict';
import { describeFailure } from './failure.ts';

const systemError = (fields: Partial<NodeJS.ErrnoException>) => Object.assign(new Error('as the system says'), fields);

describe('The sentence for a failure', () => {
  it('names the file that cannot be used, and says what to do', () => {
    const error = systemError({ code: 'EACCES', syscall: 'open', path: '/mesh/run.json' });
    assert.match(
      describeFailure(error),
      /^\/mesh\/run\.json cannot be used \(open\), this user lacks the permission: /,
    );
  });

  it('speaks of no file where the processes of another user were to be signalled', () => {
    const error = systemError({ code: 'EPERM', syscall: 'kill' });
    assert.equal(describeFailure(error), 'The mesh belongs to another user: call make as that user.');
  });
});
