import { Refusal } from './refusal.ts';

/** As in the contract, which counts before NFC: in NFC, some characters become two or three. */
const LENGTH_MAX = 254;
/**
 * The part before the @ as RFC 5322 writes it without quotes, extended by letters of all languages (RFC 6531); a domain of two
 * labels or more.
 */
const EMAIL =
  /^(?!\.)(?!.*\.\.)[\p{L}\p{M}\p{N}!#$%&'*+/=?^_`{|}~.-]{1,64}(?<!\.)@(?:[\p{L}\p{M}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?\.)+\p{L}[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}]$/u;

/** @throws {Refusal} email_invalid */
export function parseEmail(text: string): { email: string; emailKey: string } {
  const email = text.normalize('NFC');
  if ([...email].length > LENGTH_MAX || !EMAIL.test(email)) throw new Refusal({ reason: 'email_invalid' });
  return { email, emailKey: toEmailKey(email) };
}

/**
 * The same for all spellings of an address that differ only by case or by composed letters. Upper case folds letters with several
 * lower-case forms, such as σ and ς; lower case before it folds ẞ, which is its own upper case, to ß.
 */
export function toEmailKey(email: string): string {
  return email.normalize('NFC').toLowerCase().toUpperCase().toLowerCase().normalize('NFC');
}
