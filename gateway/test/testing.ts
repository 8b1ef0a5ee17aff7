export { attacksOn, createTestKey, forge, goodClaims, goodHeader } from './forge-token.ts';
