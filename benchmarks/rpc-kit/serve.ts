import { answerTo } from '../harness/child.ts';

/** One server in a process of its own: `serve.ts <file in servers/>`. */
const [file] = process.argv.slice(2);
const { start } = (await import(`./servers/${file}`)) as { start: () => Promise<number> };
const port = await start();

answerTo({
  port: () => port,
  /** Microseconds of CPU that the process has used. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
});
