import assert from 'node:assert/strict';
import sinon from 'sinon';
import { ANNA, type StubbedPorts, stubPorts } from '../../test/port-stubs.ts';
import { disableUser, setRole } from './manage-users.ts';
import type { User } from './ports.ts';
import { isRefusal } from './refusal.ts';

const ADMIN = 2n;

describe('An admin', () => {
  let ports: StubbedPorts;
  beforeEach(() => {
    ports = stubPorts();
    usersAre({ ...ANNA, user: ADMIN, role: 'admin' }, ANNA);
  });

  /** Locking one with the admins locks all of them. */
  const usersAre = (...users: User[]) => ports.users.lockWithAdmins.resolves(users);

  const give = (role: 'user' | 'admin', user = ANNA.user) => setRole(ports.store, { user, role, actor: ADMIN }, ports);
  const disable = (user = ANNA.user) => disableUser(ports.store, { user, actor: ADMIN }, ports);

  it('gives a role: the sessions of the user end, and the change is audited', async () => {
    assert.equal((await give('admin')).role, 'admin');
    sinon.assert.calledOnceWithExactly(ports.users.setRole, ANNA.user, 'admin');
    sinon.assert.calledOnceWithExactly(ports.sessions.endAll, ANNA.user, 'role changed');
    const event = { kind: 'role changed', user: ANNA.user, actor: ADMIN, role: 'admin' } as const;
    sinon.assert.calledOnceWithExactly(ports.audit.add, event);
  });

  it('changes nothing by giving the role that the user has', async () => {
    await give('user');
    sinon.assert.notCalled(ports.users.setRole);
    sinon.assert.notCalled(ports.sessions.endAll);
    sinon.assert.notCalled(ports.audit.add);
  });

  it('disables an account: its sessions end, and it is audited', async () => {
    assert.equal((await disable()).disabled, true);
    sinon.assert.calledOnceWithExactly(ports.users.disable, ANNA.user);
    sinon.assert.calledOnceWithExactly(ports.sessions.endAll, ANNA.user, 'disabled');
    sinon.assert.calledOnceWithExactly(ports.audit.add, { kind: 'disabled', user: ANNA.user, actor: ADMIN });
  });

  it('changes nothing by disabling a disabled account', async () => {
    usersAre({ ...ANNA, user: ADMIN, role: 'admin' }, { ...ANNA, disabled: true });
    await disable();
    sinon.assert.notCalled(ports.users.disable);
    sinon.assert.notCalled(ports.audit.add);
  });

  it('who is the last one can neither be disabled nor lose the role', async () => {
    for (const attempt of [() => give('user', ADMIN), () => disable(ADMIN)]) {
      await assert.rejects(attempt(), (error) => isRefusal(error, 'last_admin'));
    }
    sinon.assert.notCalled(ports.users.setRole);
    sinon.assert.notCalled(ports.users.disable);
  });

  it('who is not the last one can lose the role', async () => {
    usersAre({ ...ANNA, user: ADMIN, role: 'admin' }, { ...ANNA, user: 3n, role: 'admin' });
    assert.equal((await give('user', ADMIN)).role, 'user');
  });

  it('is locked with the user by one statement, so that no two calls wait for each other in a circle', async () => {
    await disable();
    sinon.assert.calledOnceWithExactly(ports.users.lockWithAdmins, ANNA.user);
    sinon.assert.notCalled(ports.users.lock);
  });

  it('cannot manage a user whom nobody knows', async () => {
    ports.users.lock.resolves(undefined);
    usersAre({ ...ANNA, user: ADMIN, role: 'admin' });
    for (const attempt of [() => give('admin'), () => give('user'), () => disable()]) {
      await assert.rejects(attempt(), (error) => isRefusal(error, 'user_not_found'));
    }
  });
});
