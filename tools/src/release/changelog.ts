import { Failure } from 'mesh';

const HEADING = /^## (?<version>\S+) \((?<date>[^)]+)\)$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/**
 * The section of a version, without its heading.
 * @param isRelease whether the section has to have the date of the release
 */
export function changelogSection(changelog: string, version: string, isRelease: boolean): string {
  const lines = changelog.split('\n');
  const start = lines.findIndex((line) => HEADING.exec(line)?.groups?.version === version);
  const name = `the section of ${version} in rpc-kit/CHANGELOG.md`;
  if (start < 0) throw new Failure(`rpc-kit/CHANGELOG.md has no section "## ${version} (<date>)": write one.`);
  const date = HEADING.exec(lines[start] ?? '')?.groups?.date ?? '';
  if (isRelease && !DATE.test(date))
    throw new Failure(`The date of ${name} is "${date}": write the day of the release.`);
  const end = lines.findIndex((line, index) => index > start && line.startsWith('## '));
  const text = lines
    .slice(start + 1, end < 0 ? undefined : end)
    .join('\n')
    .trim();
  if (text === '') throw new Failure(`There is no text in ${name}: write what users have to know.`);
  return `${text}\n`;
}
