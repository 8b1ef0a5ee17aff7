const REPLACEMENT = '\uFFFD';

/**
 * Text from outside in a form that every column, header of a log line and terminal of ours can hold: at most so many UTF-16
 * units, cut between characters. Postgres refuses NUL and halves of surrogate pairs, so both become U+FFFD.
 */
export function storableText(text: string, lengthMax: number): string {
  const isSplit = text.length > lengthMax && isHighSurrogate(text.charCodeAt(lengthMax - 1));
  return text
    .slice(0, isSplit ? lengthMax - 1 : lengthMax)
    .toWellFormed()
    .replaceAll('\0', REPLACEMENT);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
