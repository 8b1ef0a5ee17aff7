/** A service that answers over HTTP until it is disposed of. */
export interface RunningService extends AsyncDisposable {
  readonly url: string;
}
