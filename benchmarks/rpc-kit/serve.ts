import { allocatedBytes, answerTo, cpuMicros } from '../harness/child.ts';

/** One server in a process of its own: `serve.ts <file in servers/, or the URL of one elsewhere> [variant]`. */
const [file = '', variant] = process.argv.slice(2);
const { href } = new URL(file, new URL('servers/', import.meta.url));
const { start } = (await import(href)) as { start: (variant?: string) => Promise<number> };
const port = await start(variant);

answerTo({
  port: () => port,
  usage: () => ({ cpuMicros: cpuMicros(), allocatedBytes: allocatedBytes() }),
});
