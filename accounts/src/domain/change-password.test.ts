import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ANNA, CHANGED_ANNA, NETWORK, PASSWORD, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { changePassword } from './change-password.ts';
import { isRefusal, type Refused } from './refusal.ts';

const DEVICE = { address: NETWORK };
const CHANGE = {
  user: ANNA.user,
  sessionID: 'a session',
  current: PASSWORD,
  new: 'a walk along the sea shore',
  device: DEVICE,
  network: NETWORK,
};

describe('changePassword', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  const tryChange = (change = {}) => changePassword(ports.parts, { ...CHANGE, ...change }, ports);
  const refused = (reason: Refused['reason'], change = {}) =>
    assert.rejects(tryChange(change), (error) => isRefusal(error, reason));

  it('sets the new password, ends the other sessions and audits it', async () => {
    await tryChange();
    sinon.assert.calledOnceWithExactly(ports.users.setPasswordHash, ANNA.user, `hash of ${CHANGE.new}`, true);
    sinon.assert.calledOnceWithExactly(ports.sessions.endAll, ANNA.user, 'password changed', 'a session');
    sinon.assert.calledOnceWithExactly(ports.audit.add, { kind: 'password changed', user: ANNA.user }, DEVICE);
  });

  it('counts a wrong current password as a failed login', async () => {
    for (let n = 0; n < 5; n++) await refused('invalid_credentials', { current: 'a wrong one' });
    await refused('too_many_attempts');
    sinon.assert.notCalled(ports.users.setPasswordHash);
    sinon.assert.notCalled(ports.sessions.endAll);
  });

  it('refuses a new password that is easy to guess', async () => {
    ports.passwords.problemOf.returns('context');
    await refused('password_refused');
    sinon.assert.calledOnceWithExactly(ports.passwords.problemOf, CHANGE.new, ANNA.email);
  });

  it('counts a right current password as no failed login, also when the new one is refused', async () => {
    ports.passwords.problemOf.returns('common');
    for (let n = 0; n < 10; n++) await refused('password_refused');
    ports.passwords.problemOf.returns(undefined);
    await tryChange();
  });

  it('judges the new password only for the person who knows the current one', async () => {
    await refused('invalid_credentials', { current: 'a wrong one' });
    sinon.assert.notCalled(ports.passwords.problemOf);
  });

  it('refuses when another change came first', async () => {
    ports.users.lock.resolves(CHANGED_ANNA);
    await refused('invalid_credentials');
    sinon.assert.notCalled(ports.sessions.endAll);
  });

  it('refuses an unknown user', async () => {
    ports.reader.find.resolves(undefined);
    await refused('user_not_found');
  });
});
