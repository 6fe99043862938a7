import { DriverClass, Manifest, type Method } from "@vextir/api";
import { z } from "zod";
import { DriverError } from "../errors.ts";
import { AgentDriver, IODriver, ToolDriver } from "./classes.ts";
import { definitionOfClass } from "./decorators.ts";
import {
  DEFINITION,
  type DriverConstructor,
  type DriverDefinition,
  type DriverOptions,
  type MethodDefinition,
} from "./definition.ts";

export type DriverSource = DriverDefinition | DriverConstructor;

/** The definition in what a module exports. @throws DriverError `InvalidDriver` when it is no driver. */
export function definitionOf(source: unknown): DriverDefinition {
  if (typeof source === "function") {
    const definition = definitionOfClass(source as DriverConstructor);
    if (definition) {
      checkBase(source, definition);
      return definition;
    }
    throw new DriverError(
      "InvalidDriver",
      `the class "${source.name}" has no @driver({ name, version, class }): add it, or export defineDriver({...})`,
    );
  }
  if (typeof source === "object" && source !== null && DEFINITION in source)
    return source as DriverDefinition;
  throw new DriverError(
    "InvalidDriver",
    "the default export is no driver: export a class with @driver({...}) or defineDriver({...})",
  );
}

const BASES = { Agent: AgentDriver, Tool: ToolDriver, IO: IODriver } satisfies Record<DriverClass, unknown>;

function checkBase(source: object, { options }: DriverDefinition) {
  const base = DriverClass.options.find((name) => Object.prototype.isPrototypeOf.call(BASES[name], source));
  if (base && base !== options.class)
    throw new DriverError(
      "InvalidDriver",
      `driver "${options.name}" says class: "${options.class}" but extends ${base}Driver`,
    );
}

/** What the code says of itself. @throws DriverError `InvalidDriver`, naming what is wrong with it. */
export function manifestOf(source: DriverSource): Manifest {
  const { options, handlers, methods } = definitionOf(source);
  const duplicate = methods.find((one, i) => methods.findIndex((other) => other.name === one.name) !== i);
  if (duplicate)
    throw new DriverError(
      "InvalidDriver",
      `driver "${options.name}" has two methods named "${duplicate.name}"`,
    );
  const result = Manifest.safeParse({
    name: options.name,
    version: options.version,
    class: options.class,
    description: options.description,
    subscriptions: handlers.map(({ pattern, schema }) => ({
      type: pattern,
      schema: jsonSchema(schema, "input"),
    })),
    methods: methods.map(describedMethod),
    config: jsonSchema(options.config, "input"),
    capabilities: options.capabilities ?? {},
    resources: options.resources,
    events: ownTypes(options.events),
  });
  if (result.success) return result.data;
  throw new DriverError("InvalidDriver", `driver "${options.name}": ${z.prettifyError(result.error)}`, {
    cause: result.error,
  });
}

/** What others are told of a method. */
export const describedMethod = ({ name, description, input, schema, output }: MethodDefinition): Method => ({
  name,
  ...(description !== undefined && { description }),
  ...(input ? { input: jsonSchema(input, "input") } : schema && { input: schema }),
  ...(output && { output: jsonSchema(output, "output") }),
});

/** Absent where there are none: a manifest without them keeps its hash. */
function ownTypes(events: DriverOptions["events"]) {
  if (!events) return undefined;
  return Object.entries(events).map(([type, schema]) => ({ type, schema: jsonSchema(schema, "input") }));
}

function jsonSchema(schema: z.ZodType | undefined, io: "input" | "output") {
  return schema && z.toJSONSchema(schema, { io, unrepresentable: "any" });
}
