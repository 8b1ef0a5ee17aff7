export { attacksOn, forge, goodClaims, goodHeader } from './forge-token.ts';
