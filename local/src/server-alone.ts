import { createTestFolder, removeTestFolder, sweepTestFolders } from './test-folder.ts';
import { startTestServer } from './test-server.ts';

/** The embedded Postgres as tests have it, for a program that is no test, e.g. a benchmark. Afterwards `createTestDatabase` works. */
export type ServerAlone = AsyncDisposable & {
  /** A folder of its own that goes when the server stops. */
  folder: string;
};

/** @param fsync whether an acknowledged commit survives a power cut, as in the mesh */
export async function openServerAlone(options: { fsync: boolean }): Promise<ServerAlone> {
  await sweepTestFolders();
  const folder = createTestFolder();
  try {
    const { environment, stop } = await startTestServer(folder, { ...options, kind: 'embedded' });
    Object.assign(process.env, environment);
    return {
      folder,
      async [Symbol.asyncDispose]() {
        await stop();
        await removeTestFolder(folder);
      },
    };
  } catch (error) {
    await removeTestFolder(folder);
    throw error;
  }
}
