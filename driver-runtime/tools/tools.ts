import type { DriverFile, Method } from "@vextir/api";
import { METHODS, parseShared } from "@vextir/api";
import { abortable } from "../calls/abortable.ts";
import type { Call, CallOptions } from "../calls/call.ts";
import type { Describe } from "../calls/caller.ts";
import { DriverError } from "../errors.ts";

/** A method with a description that this driver may call. */
export interface Tool {
  /** `<driver>.<method>`, of another tenant `@<namespace>.<driver>.<method>`. */
  name: string;
  description: string;
  /** JSON Schema of the argument; absent: it takes none, or anything. */
  input?: Record<string, unknown>;
  /** Throws DriverError as `Call` does; `InvalidInput` says what is wrong with the input. */
  call(input?: unknown, options?: CallOptions): Promise<unknown>;
}

export interface Tools {
  /**
   * The tools that `capabilities.call` grants and whose drivers answer now, sorted by name; `toolbox.*` stands for all of that driver's,
   * `*.…` for none: drivers can't be listed. Asked of the drivers themselves and remembered for a minute.
   */
  list(options?: { signal?: AbortSignal; call?: Call }): Promise<Tool[]>;
}

const REMEMBERED_MS = 60_000;
/** A driver that is away is asked again soon. */
const AWAY_MS = 5_000;
const DESCRIBE_MS = 3_000;
const MAX_TOOLS = 256;

interface Remembered {
  untilMs: number;
  methods: Promise<readonly Method[]>;
}

export interface ToolsParts {
  capabilities: DriverFile["capabilities"];
  describe: Describe;
  call: Call;
  now?: () => number;
}

export function createTools({ capabilities, describe, call: plain, now = Date.now }: ToolsParts): Tools {
  const known = new Map<string, Remembered>();
  /** Whoever asks first asks for all: that one goes away ends no question. */
  const methodsOf = (grant: string): Promise<readonly Method[]> => {
    const before = known.get(grant);
    if (before && before.untilMs > now()) return before.methods;
    const asked = describe(grant, { timeoutMs: DESCRIBE_MS });
    const entry = { untilMs: now() + REMEMBERED_MS, methods: asked };
    entry.methods = asked.catch((error: unknown) => {
      if (!(error instanceof DriverError)) throw error;
      entry.untilMs = now() + AWAY_MS;
      return [];
    });
    known.set(grant, entry);
    return entry.methods;
  };
  return {
    async list({ signal, call = plain } = {}) {
      signal?.throwIfAborted();
      const grants = capabilities.call.map(describable).filter((grant) => grant !== undefined);
      const found = await Promise.all(
        [...new Set(grants)].map(async (grant) => {
          const driver = grant.slice(0, grant.lastIndexOf("."));
          const methods = await abortable(methodsOf(grant), signal);
          return methods.map((method) => toolOf(`${driver}.${method.name}`, method, call));
        }),
      );
      const byName = new Map(found.flat().flatMap((tool) => (tool ? [[tool.name, tool] as const] : [])));
      return [...byName.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)).slice(0, MAX_TOOLS);
    },
  };
}

/** The method that tells of what the grant grants; undefined: nobody can. */
function describable(grant: string): string | undefined {
  const { pattern } = parseShared(grant);
  if (pattern.startsWith("*.")) return undefined;
  return pattern.endsWith(".*") ? `${grant.slice(0, -1)}${METHODS}` : grant;
}

function toolOf(name: string, { description, input }: Method, call: Call): Tool | undefined {
  if (description === undefined) return undefined;
  return {
    ...{ name, description },
    ...(input && { input }),
    call: (argument, options) => call(name, argument, options),
  };
}
