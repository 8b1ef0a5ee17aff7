import assert from 'node:assert/strict';
import sinon from 'sinon';
import { NETWORK, PASSWORD, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { isRefusal, type Refused } from './refusal.ts';
import { register } from './register.ts';

const DEVICE = { address: NETWORK };
const CREDENTIAL = { email: 'Bert@Shop.Example', password: PASSWORD, device: DEVICE, network: NETWORK };

describe('register', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  const tryRegister = (change = {}) => register(ports.parts, { ...CREDENTIAL, ...change }, ports);
  const refused = (reason: Refused['reason'], change = {}) =>
    assert.rejects(tryRegister(change), (error) => isRefusal(error, reason));

  it('creates a user without rights, starts a session and audits it', async () => {
    await tryRegister();
    sinon.assert.calledOnceWithExactly(ports.users.create, {
      email: 'Bert@Shop.Example',
      emailKey: 'bert@shop.example',
      passwordHash: `hash of ${PASSWORD}`,
      role: 'user',
    });
    sinon.assert.calledOnce(ports.sessions.start);
    sinon.assert.calledOnceWithExactly(ports.audit.add, { kind: 'registered', user: 1n }, DEVICE);
  });

  it('makes the network known to the account, so that no attacker elsewhere delays its first login (41)', async () => {
    await tryRegister();
    assert.ok(await ports.failures.has(`account from ${NETWORK}: bert@shop.example`));
  });

  it('refuses an address that an account has, without hashing', async () => {
    await refused('email_taken', { email: 'ANNA@shop.example' });
    sinon.assert.notCalled(ports.place.hash);
  });

  it('refuses an address that another call takes at the same time', async () => {
    ports.users.create.resolves(undefined);
    await refused('email_taken');
    sinon.assert.notCalled(ports.sessions.start);
  });

  it('refuses a password that is easy to guess, and says why', async () => {
    ports.passwords.problemOf.returns('common');
    await assert.rejects(tryRegister(), { reason: 'password_refused', facts: { problem: 'common', lengthMin: 15 } });
    sinon.assert.notCalled(ports.place.hash);
  });

  it('refuses a text that is no address', () => refused('email_invalid', { email: 'bert' }));

  it('counts every attempt of the network, but not one that is shed', async () => {
    const count = () => ports.failures.rows.get(`registrations of ${NETWORK}`)?.count;
    await tryRegister();
    await refused('email_taken', { email: 'anna@shop.example' });
    assert.equal(count(), 2);
    ports.passwords.enter.throws(new Error('full'));
    await assert.rejects(tryRegister(), /full/);
    assert.equal(count(), 2);
  });
});
