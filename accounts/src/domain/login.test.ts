import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ANNA, CHANGED_ANNA, NETWORK, PASSWORD, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { login } from './login.ts';
import { isRefusal } from './refusal.ts';

const DEVICE = { address: NETWORK };
const CREDENTIAL = { email: ANNA.email, password: PASSWORD, device: DEVICE, network: NETWORK };

describe('login', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  const tryLogin = (change = {}) => login(ports.parts, { ...CREDENTIAL, ...change }, ports);
  const refused = (change = {}) => assert.rejects(tryLogin(change), (error) => isRefusal(error, 'invalid_credentials'));

  it('starts a session, audits it and makes the network known', async () => {
    assert.equal((await tryLogin()).accessToken, 'an access token');
    sinon.assert.calledOnceWithExactly(ports.sessions.start, ANNA.user, DEVICE);
    sinon.assert.calledOnceWithExactly(ports.audit.add, { kind: 'logged in', user: ANNA.user }, DEVICE);
    assert.deepEqual([...ports.failures.rows.keys()].toSorted(), [
      `account from ${NETWORK}: ${ANNA.email}`,
      `logins of ${NETWORK}`,
    ]);
  });

  it('takes any spelling of the e-mail address', async () => {
    await tryLogin({ email: 'ANNA@Shop.Example' });
    sinon.assert.calledOnce(ports.sessions.start);
  });

  it('checks one hash for an unknown address as for a wrong password, and counts both', async () => {
    for (const change of [{ email: 'nobody@shop.example' }, { email: 'no address' }, { password: 'a wrong one' }]) {
      ports.place.verify.resetHistory();
      await refused(change);
      sinon.assert.calledOnce(ports.place.verify);
    }
    assert.deepEqual(
      ports.audit.add.args.map(([event]) => event),
      [undefined, undefined, ANNA.user].map((user) => ({ kind: 'login failed', user })),
    );
    assert.equal(ports.failures.rows.get(`logins of ${NETWORK}`)?.count, 3);
    sinon.assert.notCalled(ports.sessions.start);
  });

  it('refuses a disabled account like a wrong password, after the same work', async () => {
    ports.reader.findByEmailKey.resolves({ ...ANNA, disabled: true });
    await refused();
    sinon.assert.calledOnce(ports.place.verify);
    assert.equal(ports.failures.rows.get(`account ${ANNA.email}`)?.count, 1);
  });

  it('refuses an account that is disabled while its password is checked', async () => {
    ports.users.lock.resolves({ ...ANNA, disabled: true });
    await refused();
    sinon.assert.notCalled(ports.sessions.start);
  });

  it('refuses a password that is changed while it is checked', async () => {
    ports.users.lock.resolves(CHANGED_ANNA);
    await refused();
    sinon.assert.notCalled(ports.sessions.start);
  });

  it('is not refused because a login at the same time hashed the password again', async () => {
    ports.users.lock.resolves({ ...ANNA, passwordHash: 'a new hash' });
    assert.equal((await tryLogin()).accessToken, 'an access token');
  });

  it('counts the guess before the hash, so that guesses made at the same time count', async () => {
    ports.place.verify.callsFake(async () => {
      assert.equal(ports.failures.rows.get(`account ${ANNA.email}`)?.count, 1);
      return true;
    });
    await tryLogin();
  });

  it('that is shed reads nothing, and is not counted', async () => {
    ports.passwords.enter.throws(new Error('full'));
    await assert.rejects(tryLogin(), /full/);
    sinon.assert.notCalled(ports.reader.findByEmailKey);
    assert.equal(ports.failures.rows.size, 0);
  });

  it('checks no password while the account is delayed', async () => {
    for (let n = 0; n < 5; n++) await refused({ password: 'a wrong one' });
    await assert.rejects(tryLogin(), (error) => isRefusal(error, 'too_many_attempts'));
    sinon.assert.callCount(ports.place.verify, 5);
  });

  it('hashes again where the parameters have risen', async () => {
    ports.passwords.isOutdated.returns(true);
    ports.place.hash.resolves('a new hash');
    await tryLogin();
    sinon.assert.calledOnceWithExactly(ports.users.setPasswordHash, ANNA.user, 'a new hash', false);
  });

  it('hashes nothing again where they have not', async () => {
    await tryLogin();
    sinon.assert.notCalled(ports.users.setPasswordHash);
  });
});
