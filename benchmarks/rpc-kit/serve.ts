import { answerTo, cpuMicros } from '../harness/child.ts';

/** One server in a process of its own: `serve.ts <file in servers/>`. */
const [file] = process.argv.slice(2);
const { start } = (await import(`./servers/${file}`)) as { start: () => Promise<number> };
const port = await start();

answerTo({
  port: () => port,
  cpu: cpuMicros,
});
