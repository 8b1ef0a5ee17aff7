import assert from 'node:assert/strict';
import { callingService } from './calling-service.ts';

describe('The calling service', () => {
  it('is the proven one, else that of the User-Agent without its version', () => {
    assert.equal(callingService({ service: 'checkout', name: 'gateway/0.1.0' }), 'checkout');
    assert.equal(callingService({ name: 'checkout/0.1.0' }), 'checkout');
    assert.equal(callingService({ name: 'checkout/0.2.0' }), 'checkout');
    assert.equal(callingService({ name: 'curl' }), 'curl');
    assert.equal(callingService({}), '');
  });
});
