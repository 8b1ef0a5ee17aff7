import { defineService, implement, uint32 } from 'rpc-kit';
import { z } from 'zod';

export const reports = defineService(
  'reports',
  { summary: 'Makes reports.', version: '1.0.0' },
  {
    make: {
      summary: 'Renders a report of some pages.',
      params: z.strictObject({ pages: uint32 }),
      result: z.object({ rendered: uint32 }),
      timeoutMs: 2_000,
      example: { params: { pages: 2 }, result: { rendered: 2 } },
    },
  },
);

export interface Work {
  /** Rejects as soon as the signal aborts. */
  renderPage(page: number, signal: AbortSignal): Promise<void>;
  archive(pages: number): Promise<void>;
}

export function createReports({ renderPage, archive }: Work) {
  return implement(reports, {
    async make({ pages }, call) {
      for (let page = 1; page <= pages; page++) await renderPage(page, call.signal);
      // Runs after the answer. A stopping server waits for it.
      call.defer(() => archive(pages));
      return { rendered: pages };
    },
  });
}
