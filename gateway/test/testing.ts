export { type Answered, type Asked, ask } from './ask.ts';
export { exampleServices } from './example-services.ts';
export { attacksOn, createTestKey, forge, goodClaims, goodHeader } from './forge-token.ts';
export { openGateway } from './gateway-fixture.ts';
