/** What tests of other packages may use of accounts besides its contract. */
export { readPrivateJwk } from '../src/tokens/signing-key.ts';
export { openAccounts } from './accounts-fixture.ts';
