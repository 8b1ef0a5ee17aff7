export type Row = Record<string, unknown>;

/** Runs SQL, best in one snapshot, and answers its rows with 64-bit integers and numerics as bigints. */
export type Query = (text: string, values?: unknown[]) => Promise<Row[]>;
