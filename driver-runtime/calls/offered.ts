import { Method } from "@vextir/api";
import { z } from "zod";
import type { CallContext } from "../driver/context.ts";
import type { MethodDefinition } from "../driver/definition.ts";
import { describedMethod } from "../driver/manifest.ts";
import { DriverError } from "../errors.ts";

/** A tool that a driver has found, not one that its code brings: of a server that it stands for, say. */
export interface OfferedTool {
  /** Letters, digits, `_` and `-`, at most 60. */
  name: string;
  description: string;
  /** JSON Schema of the argument. It is shown, and nothing is held to it here. */
  input?: Record<string, unknown>;
  call(input: unknown, call: CallContext): unknown;
}

/** What one driver may have, its code's own included: callers are told of no more. */
const MAX_METHODS = 256;
/** Different names by which calls are counted; of what comes and goes for ever, the rest has none. */
const MAX_COUNTED = 512;

/** The methods that come and go while the driver runs. */
export class OfferedMethods {
  #methods: ReadonlyMap<string, MethodDefinition> = new Map();
  readonly #counted = new Set<string>();
  readonly #own: ReadonlySet<string>;

  /** @param own Names of the code's own methods, which no other may have. */
  constructor(own: readonly string[]) {
    this.#own = new Set(own);
  }

  /** In place of those before. @throws DriverError `InvalidInput`; then those before stay. */
  replace(tools: readonly OfferedTool[]): void {
    const methods = new Map(tools.map((tool) => [tool.name, this.#checked(tool)]));
    if (methods.size < tools.length) throw new DriverError("InvalidInput", "two offered tools have one name");
    if (methods.size + this.#own.size > MAX_METHODS)
      throw new DriverError("InvalidInput", `a driver has at most ${MAX_METHODS} methods`);
    for (const name of methods.keys()) if (this.#counted.size < MAX_COUNTED) this.#counted.add(name);
    this.#methods = methods;
  }

  get(name: string): MethodDefinition | undefined {
    return this.#methods.get(name);
  }

  all(): Iterable<MethodDefinition> {
    return this.#methods.values();
  }

  /** Whether calls of the name are counted by it. */
  isCounted(name: string): boolean {
    return this.#counted.has(name);
  }

  #checked({ name, description, input: schema, call }: OfferedTool): MethodDefinition {
    const method: MethodDefinition = {
      ...{ name, description },
      ...(schema && { schema }),
      call: (_driver, input, context) => call(input, context),
    };
    if (this.#own.has(name))
      throw new DriverError("InvalidInput", `the driver has a method "${name}" of its own`);
    const parsed = Method.safeParse(describedMethod(method));
    if (parsed.success) return method;
    const problem = z.prettifyError(parsed.error);
    throw new DriverError("InvalidInput", `the tool "${name.slice(0, 100)}" can't be offered: ${problem}`);
  }
}
