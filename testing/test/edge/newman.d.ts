/** The part of newman that the walk uses; the package has no types. */
declare module 'newman' {
  interface Variable {
    readonly key: string;
    readonly value: string;
  }
  export interface Summary {
    readonly run: {
      readonly failures: readonly { readonly source?: { readonly name: string }; readonly error: Error }[];
      readonly stats: { readonly assertions: { readonly total: number } };
    };
    readonly environment: { readonly values: { map<T>(to: (variable: Variable) => T): T[] } };
  }
  function run(
    options: { readonly collection: object; readonly envVar: readonly Variable[] },
    done: (error: Error | null, summary: Summary) => void,
  ): void;
  export default { run };
}
