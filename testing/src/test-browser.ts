import { Failure, findProgram } from 'mesh';

/** By the name that each packager gives it. */
const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'Google Chrome'];
const FOLDERS = ['/Applications/Google Chrome.app/Contents/MacOS'];

/** Which tests need a browser. */
export const TESTS_WITH_BROWSER = 'examples/test/browser/';

function findBrowser(): string | undefined {
  return process.env.CHROMIUM || PROGRAMS.map((name) => findProgram(name, FOLDERS)).find((path) => path !== undefined);
}

/** Why no page can be opened here; undefined where one can. */
export function missingForBrowserTests(): string | undefined {
  if (findBrowser() !== undefined) return undefined;
  return 'It needs Chromium or Chrome: install one (apt-get install chromium, brew install chromium), or name it in CHROMIUM.';
}

/** The path of the browser, for tests, which run only where there is one. */
export function browserProgram(): string {
  const path = findBrowser();
  if (path === undefined)
    throw new Failure('Neither Chromium nor Chrome is in PATH: install one, or name it in CHROMIUM.');
  return path;
}
