/** A link to a file that the package does not hold: tests, sources, and the repository around it. */
const OUTSIDE = String.raw`\[([^\]]+)\]\(((?:\.\.|src|test|examples)/[^)]*)\)`;
const LINK = new RegExp(OUTSIDE, 'g');
/** `([why](…), [how](…))`: without its links it says nothing. */
const REMARK = new RegExp(String.raw`\s\(${OUTSIDE}(?:, ${OUTSIDE})*\)`, 'g');

/**
 * README as the package has it.
 * @param release the address of rpc-kit's folder in the release, to which outside links lead. Without it they are left out
 */
export function readmeOfPackage(markdown: string, release: string | undefined): string {
  if (release === undefined) return markdown.replaceAll(REMARK, '').replaceAll(LINK, '$1');
  return markdown.replaceAll(LINK, (_link, text, path) => `[${text}](${new URL(path, release)})`);
}
