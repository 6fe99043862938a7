import { type Msg, type MsgHdrs, MsgHdrsImpl } from "@nats-io/nats-core";
import { DriverError } from "../errors.ts";

const LINE_END = /[\r\n]/;

/**
 * Headers of a message, each once. Quicker than setting them one by one in nats.js, which makes each name canonical to
 * check it. @throws DriverError `InvalidInput` for a value that would end its line.
 */
export function messageHeaders(values: Readonly<Record<string, string>>): MsgHdrs {
  const lists: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (LINE_END.test(value))
      throw new DriverError("InvalidInput", `the header ${name} must not contain a line end`);
    lists[name] = [value];
  }
  return MsgHdrsImpl.fromRecord(lists);
}

/**
 * Header values by name; the first of repeated ones. None when they can't be read: the server passes on headers that are
 * malformed, nats.js throws when it first looks at them, and a throw in a subscription's callback ends the connection's reader.
 */
export function headersOf(message: Msg): Map<string, string> {
  return valuesOf(readable(message));
}

/** Header values by name; the first of repeated ones. */
export function valuesOf(set: MsgHdrs | undefined): Map<string, string> {
  const map = new Map<string, string>();
  if (set) for (const [name, values] of set) map.set(name, values[0] ?? "");
  return map;
}

/** The last value of a header: what the server adds to a republished message comes after the publisher's own of that name. */
export const lastHeader = (message: Msg, name: string) => readable(message)?.last(name) ?? "";

/** The status of a message that the server wrote itself, such as 503; 0: none. */
export const statusOf = (message: Msg) => readable(message)?.code ?? 0;

function readable(message: Msg): MsgHdrs | undefined {
  try {
    return message.headers;
  } catch {
    return undefined;
  }
}
