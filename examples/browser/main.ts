import { once } from 'node:events';
import { serveAuction } from './serve.ts';

await using auction = await serveAuction({ page: 7010, service: 7011 });
console.log(`open ${auction.pageUrl}; Ctrl-C ends it`);
await once(process, 'SIGINT');
