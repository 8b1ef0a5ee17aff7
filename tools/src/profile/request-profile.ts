import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { Failure } from 'mesh';
import { type ProfileKind, profileSocketPath } from 'service-kit';

export type ProfiledProcess = {
  /** PROFILE_DIR of the service. */
  directory: string;
  /** Of the service. */
  name: string;
  pid: number;
};

/**
 * Asks a running service for a profile of itself. The end of this process ends the request and the profile.
 * @returns the file that the service has written
 */
export function requestProfile(
  { directory, name, pid }: ProfiledProcess,
  kind: ProfileKind,
  seconds: string,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  request({
    socketPath: profileSocketPath(directory, name, pid),
    path: `/${kind}?seconds=${encodeURIComponent(seconds)}`,
    method: 'POST',
  })
    .once('error', ({ message }) => {
      reject(new Failure(`${name} did not answer the request for a profile (${message}): see the end of its log.`));
    })
    .once('response', async (response) => {
      try {
        const { file, error } = JSON.parse(await text(response));
        if (file !== undefined) return resolve(file);
        reject(new Failure(`${name} refused the profile: ${error}.`));
      } catch {
        reject(new Failure(`${name} ended before its profile was complete: see the end of its log.`));
      }
    })
    .end();
  return promise;
}
