import {
  type ListedTool,
  MAX_TOOL_DRIVERS,
  METHODS,
  Method,
  type ToolCallResult,
  type ToolList,
} from "@vextir/api";
import { z } from "zod";
import { BusError, type DriverIdentity } from "./authority.ts";
import type { BusEndpoint } from "./bus-connection.ts";
import { DriverCalls } from "./driver-calls.ts";
import type { Realm } from "./realm.ts";

/** Drivers that are asked at the same time; each takes a connection. */
const AT_ONCE = 16;
const ASK_MS = 3_000;

/** The tools of some drivers, as their pods tell of them. @throws BusError when there are too many drivers */
export async function listTools(
  endpoint: BusEndpoint & { realm: Realm },
  drivers: readonly DriverIdentity[],
): Promise<ToolList> {
  if (drivers.length > MAX_TOOL_DRIVERS)
    throw new BusError(
      "Invalid",
      `there are more than ${MAX_TOOL_DRIVERS} Drivers: name the one whose tools are meant`,
    );
  const waiting = drivers.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const found = new Map<string, ListedTool[] | undefined>(waiting.map(({ name }) => [name, undefined]));
  const work = async () => {
    for (let driver = waiting.shift(); driver; driver = waiting.shift())
      found.set(driver.name, await toolsOf(endpoint, driver));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return {
    tools: [...found.values()].flatMap((tools) => tools ?? []),
    silent: [...found].filter(([, tools]) => tools === undefined).map(([name]) => name),
  };
}

/** Undefined: it does not answer, or not as drivers do. */
async function toolsOf(
  endpoint: BusEndpoint & { realm: Realm },
  driver: DriverIdentity,
): Promise<ListedTool[] | undefined> {
  let calls: DriverCalls | undefined;
  try {
    calls = await DriverCalls.open(endpoint, driver);
    const methods = z.array(Method).parse((await calls.describe(METHODS, ASK_MS)).output);
    return methods
      .flatMap(({ name, description, input }) =>
        description === undefined
          ? []
          : [{ driver: driver.name, method: name, description, ...(input && { input }) }],
      )
      .toSorted((a, b) => (a.method < b.method ? -1 : 1));
  } catch (error) {
    if (error instanceof BusError || error instanceof z.ZodError) return undefined;
    throw error;
  } finally {
    await calls?.close();
  }
}

/** A call of a driver's tool, for a person; of no other method. @throws BusError `Unavailable` when no driver answers */
export async function callTool(
  endpoint: BusEndpoint & { realm: Realm },
  driver: DriverIdentity,
  method: string,
  input: unknown,
): Promise<ToolCallResult> {
  const calls = await DriverCalls.open(endpoint, driver);
  try {
    const { output, error } = await calls.describe(method, ASK_MS);
    if (error) return { error };
    const isTool = z.array(Method).safeParse(output).data?.[0]?.description !== undefined;
    if (isTool) return await calls.answer(method, input);
    return { error: { code: "NotFound", message: `"${method}" of driver "${driver.name}" is no tool` } };
  } finally {
    await calls.close();
  }
}
