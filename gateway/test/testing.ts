export { type Answered, type Asked, ask } from './ask.ts';
export { attacksOn, createTestKey, forge, goodClaims, goodHeader } from './forge-token.ts';
