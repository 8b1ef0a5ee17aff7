import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import type { PasswordProblem } from '../domain/ports.ts';
import { normalize } from './hasher.ts';

/** The cost of an estimate grows with the square of the length: 32 characters take at most about 10 ms, 1,024 take seconds. */
const ESTIMATED_MAX = 32;
/**
 * Readings of the digits and signs of a password as letters, such as 4 and @ for a. The default of 100 lets 32 signs hold the event
 * loop for 100 ms; common passwords are found within the first few.
 */
const READINGS_MAX = 20;
/** zxcvbn calls fewer guesses "somewhat guessable". With the delays of failed logins, that many take 2,500 years. */
const GUESSES_LOG10_MIN = 8;
/** The words of the service's name. */
const OWN_WORDS = ['order', 'mesh'];
/** Shorter parts of an address would match by chance. */
const PART_LENGTH_MIN = 3;

/** Judges new passwords by length, common passwords and patterns, and words that an attacker tries first for this account. */
export function createJudge(lengthMin: number) {
  const estimator = new ZxcvbnFactory({
    dictionary,
    graphs: adjacencyGraphs,
    l33tMaxSubstitutions: READINGS_MAX,
  });
  const isWeak = (characters: readonly string[]): boolean =>
    samplesOf(characters).every((sample) => estimator.check(sample).guessesLog10 < GUESSES_LOG10_MIN);

  return (password: string, email: string): PasswordProblem | undefined => {
    const normal = normalize(password);
    const characters = [...normal];
    if (characters.length < lengthMin) return 'too_short';
    if (isWeak(characters)) return 'common';
    const rest = [...withoutWords(normal, [...OWN_WORDS, ...wordsOf(email)])];
    return rest.length < characters.length && isWeak(rest) ? 'context' : undefined;
  };
}

/** A long password is weak where its beginning and its end are. */
function samplesOf(characters: readonly string[]): string[] {
  const beginning = characters.slice(0, ESTIMATED_MAX).join('');
  return characters.length <= ESTIMATED_MAX ? [beginning] : [beginning, characters.slice(-ESTIMATED_MAX).join('')];
}

function withoutWords(text: string, words: readonly string[]): string {
  return words.reduce((rest, word) => rest.replaceAll(word, ''), text.toLowerCase());
}

/** The parts of an e-mail address, longest first. */
function wordsOf(email: string): string[] {
  const parts = email.toLowerCase().split(/[^\p{L}\p{N}]+/u);
  return parts.filter((part) => part.length >= PART_LENGTH_MIN).toSorted((a, b) => b.length - a.length);
}
