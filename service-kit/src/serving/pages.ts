import { parseJson, RpcError, stringifyJson } from 'rpc-kit';
import { z } from 'zod';

export interface Page<Item> {
  readonly items: Item[];
  /** Undefined on the last page. */
  readonly nextCursor: string | undefined;
}

/** Pages of one list. A cursor is the position of a page's last item, as opaque text that clients return unchanged. */
export interface Pages<Position> {
  /**
   * @returns the position behind which the page begins; `undefined` for the first page, which has no cursor
   * @throws {RpcError} invalid_params for text that is no nextCursor of this list
   */
  after(cursor: string | undefined): Position | undefined;
  /** @param found up to `limit` + 1 items: one behind the page shows that another page follows */
  cut<Item extends Position>(found: readonly Item[], limit: number): Page<Item>;
}

/** @param sortKey the members by which the list is sorted, in wire form; no two items share their values */
export function createPages<Shape extends z.core.$ZodLooseShape>(sortKey: Shape): Pages<z.output<z.ZodObject<Shape>>> {
  type Position = z.output<z.ZodObject<Shape>>;
  const position = z.object(sortKey);
  const names = Object.keys(sortKey);

  function write(at: Position): string {
    const wire: Record<string, unknown> = z.encode(position, at);
    return Buffer.from(stringifyJson(names.map((name) => wire[name]))).toString('base64url');
  }

  function read(cursor: string): Position | undefined {
    const values = parseText(cursor);
    if (!Array.isArray(values)) return undefined;
    const wire = Object.fromEntries(names.map((name, index) => [name, values[index]]));
    const decoded = z.safeDecode(position, wire as z.input<typeof position>);
    // base64 decoding is lenient and one position has many JSON texts, so only the exact text of `write` is valid.
    return decoded.success && write(decoded.data) === cursor ? decoded.data : undefined;
  }

  return {
    after(cursor) {
      if (cursor === undefined) return undefined;
      const position = read(cursor);
      if (position) return position;
      const message = 'expected the nextCursor of an earlier page';
      throw new RpcError('invalid_params', `Invalid params: cursor: ${message}`, {
        details: { issues: [{ path: 'cursor', message }] },
      });
    },
    cut(found, limit) {
      const items = found.slice(0, limit);
      const last = found.length > limit ? items.at(-1) : undefined;
      return { items, nextCursor: last && write(last) };
    },
  };
}

function parseText(cursor: string): unknown {
  try {
    return parseJson(Buffer.from(cursor, 'base64url').toString());
  } catch {
    return undefined;
  }
}
