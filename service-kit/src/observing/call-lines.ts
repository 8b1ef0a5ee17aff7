import type { CallLine } from 'rpc-kit/logging';
import { hideUrlSecrets } from 'rpc-kit/urls';

/** Callers of one method whose text is kept. Callers name themselves, so there may be any number of names. */
const CALLERS_MAX = 1_000;

/** Request ids of these characters need no escapes and hold no URL. */
const PLAIN = /^[\w.@+=-]*$/;

interface FieldsOfMethod {
  readonly callers: Map<string | undefined, string>;
  readonly latest: { readonly caller: string | undefined; readonly fields: string };
}

type Scope = NonNullable<CallLine['scope']>;

/**
 * Writes the line of a call that succeeded, byte for byte as pino does in the scope of the call: pino examines each field of each
 * line anew, which takes several times as long.
 *
 * @param timestamp as pino gets it: `,"time":"…"`
 */
export function createCallLineWriter(
  service: string,
  timestamp: () => string,
  write: (line: string) => void,
): (line: CallLine, scope: Scope) => void {
  const bindings = `,"service":${JSON.stringify(service)}`;
  const methods = new Map<string, FieldsOfMethod>();

  /** The fields of the call, which are the same for all calls of a method by a caller. */
  function fieldsOf({ method, caller, code }: CallLine): string {
    const known = methods.get(method);
    // A caller's name is a new text in each call: comparing it with the latest is quicker than looking it up.
    if (known && known.latest.caller === caller) return known.latest.fields;
    const { callers } = known ?? { callers: new Map<string | undefined, string>() };
    const fields = callers.get(caller) ?? hideUrlSecrets(JSON.stringify({ method, caller, code }).slice(1, -1));
    if (callers.size >= CALLERS_MAX) callers.clear();
    methods.set(method, { callers: callers.set(caller, fields), latest: { caller, fields } });
    return fields;
  }

  return (line, scope) => {
    const requestId = PLAIN.test(scope.request_id)
      ? `"${scope.request_id}"`
      : hideUrlSecrets(JSON.stringify(scope.request_id));
    const trace = 'trace_id' in scope ? `,"trace_id":"${scope.trace_id}","span_id":"${scope.span_id}"` : '';
    write(
      `{"level":"info"${timestamp()}${bindings},"request_id":${requestId}${trace},${fieldsOf(line)},"ms":${line.ms},"msg":"call"}\n`,
    );
  };
}
