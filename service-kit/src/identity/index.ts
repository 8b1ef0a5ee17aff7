/** Keys and tokens, for programs that create keys or call services without being one. */

export { generateServiceKey, type JWK, parseServiceKey, publicHalf, type ServiceKey } from './service-key.ts';
export {
  createSigner,
  createVerifier,
  mintServiceToken,
  type Signer,
  TOKEN_SECONDS,
  TOKEN_SECONDS_MAX,
} from './service-token.ts';
export { parseTrust } from './trust.ts';
