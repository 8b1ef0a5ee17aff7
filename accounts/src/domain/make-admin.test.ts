import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ANNA, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { makeAdmin } from './make-admin.ts';

describe('make admin', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
  });

  const make = async (email: string) =>
    (await makeAdmin(ports.parts, { email, password: 'a generated one' }, ports)).outcome;

  it('creates the account with the generated password where there is none (51)', async () => {
    assert.equal(await make('Root@Shop.Example'), 'created');
    sinon.assert.calledOnceWithExactly(ports.users.create, {
      email: 'Root@Shop.Example',
      emailKey: 'root@shop.example',
      passwordHash: 'hash of a generated one',
      role: 'admin',
    });
    assert.deepEqual(
      ports.audit.add.args.map(([{ kind }]) => kind),
      ['registered', 'role changed'],
    );
  });

  it('says what to do where another call takes the address at the same time', async () => {
    ports.users.create.resolves(undefined);
    await assert.rejects(make('root@shop.example'), /^Error: An account with the address root@shop.example .* again$/);
    sinon.assert.notCalled(ports.audit.add);
  });

  it('gives the role to an account that exists, whose password stays', async () => {
    assert.equal(await make(ANNA.email), 'role changed');
    sinon.assert.calledOnceWithExactly(ports.users.setRole, ANNA.user, 'admin');
    sinon.assert.calledOnce(ports.sessions.endAll);
    sinon.assert.notCalled(ports.place.hash);
  });

  it('changes nothing for an admin', async () => {
    ports.reader.findByEmailKey.resolves({ ...ANNA, role: 'admin' });
    assert.equal(await make(ANNA.email), 'was admin');
    sinon.assert.notCalled(ports.users.setRole);
  });

  it('leaves a disabled account disabled', async () => {
    ports.reader.findByEmailKey.resolves({ ...ANNA, disabled: true });
    assert.equal(await make(ANNA.email), 'is disabled');
    sinon.assert.notCalled(ports.users.setRole);
  });
});
