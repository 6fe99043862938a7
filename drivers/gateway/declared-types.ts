import {
  ABOUT_METHOD,
  About,
  type Call,
  RegisteredTypes,
  type SchemaViolation,
} from "@vextir/driver-runtime";
import { z } from "zod";
import type { IncomingEvent } from "./cloudevents/incoming.ts";

export interface DeclaredTypesParts {
  call: Call;
  drivers: readonly string[];
  /** Told of a schema that can't be used, once per driver and type. */
  unusable: (driver: string, type: string, error: unknown) => void;
}

const REFRESH_MS = 30_000;
const ANSWER_MS = 2_000;
const MAX_SCHEMA_CHARS = 16_384;
/** A stranger's pattern may take for ever on the right text; it is the runtime that tells of those. */
const LEFT_OUT = new Set(["pattern", "patternProperties", "propertyNames", "format", "uniqueItems"]);
/** What these hold are no schemas. */
const VALUES = new Set(["const", "enum", "default", "examples", "required"]);
/** These are schemas by a name of the author's. */
const NAMED = new Set(["properties", "dependentSchemas"]);

/** Types that drivers registered in their manifests, as their runtimes tell. A driver that is away is held to what it said last. */
export class DeclaredTypes {
  readonly #parts: DeclaredTypesParts;
  readonly #byDriver = new Map<string, Record<string, z.ZodType>>();
  readonly #told = new Set<string>();
  #types = new Map<string, z.ZodType>();
  #registered = new RegisteredTypes();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: DeclaredTypesParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.drivers.length === 0) return;
    void this.refresh();
    this.#timer = setInterval(() => void this.refresh(), REFRESH_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  has(type: string): boolean {
    return this.#types.has(type);
  }

  violation(
    event: Pick<IncomingEvent, "type" | "dataSchema" | "data">,
  ): Promise<SchemaViolation | undefined> {
    return this.#registered.violation(event);
  }

  /** Asks every driver once. Never rejects. */
  async refresh(): Promise<void> {
    await Promise.all(this.#parts.drivers.map((driver) => this.#ask(driver)));
    // Of a type that several registered the first one listed counts.
    const types = this.#parts.drivers.map((driver) => this.#byDriver.get(driver) ?? {}).toReversed();
    const merged: Record<string, z.ZodType> = Object.assign({}, ...types);
    this.#types = new Map(Object.entries(merged));
    this.#registered = new RegisteredTypes(merged);
  }

  async #ask(driver: string): Promise<void> {
    const about = await this.#parts
      .call(`${driver}.${ABOUT_METHOD}`, {}, { timeoutMs: ANSWER_MS })
      .catch(() => undefined);
    const read = About.pick({ events: true }).safeParse(about);
    if (!read.success) return;
    const schemas = read.data.events.map(({ type, schema }) => [type, this.#usable(driver, type, schema)]);
    this.#byDriver.set(driver, Object.fromEntries(schemas.filter(([, schema]) => schema !== undefined)));
  }

  #usable(driver: string, type: string, schema: Record<string, unknown>): z.ZodType | undefined {
    try {
      if (JSON.stringify(schema).length > MAX_SCHEMA_CHARS) throw new RangeError("it is too large");
      return z.fromJSONSchema(harmless(schema) as Parameters<typeof z.fromJSONSchema>[0]);
    } catch (error) {
      const name = `${driver} ${type}`;
      if (!this.#told.has(name)) this.#parts.unusable(driver, type, error);
      this.#told.add(name);
      return undefined;
    }
  }
}

/** The schema without what may cost more than a look at each value. @throws Error for one that refers to others. */
function harmless(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(harmless);
  if (typeof schema !== "object" || schema === null) return schema;
  const kept = Object.entries(schema).filter(([keyword]) => !LEFT_OUT.has(keyword));
  return Object.fromEntries(
    kept.map(([keyword, value]) => {
      if (keyword === "$ref" || keyword === "$dynamicRef")
        throw new TypeError("references may multiply a schema without end");
      if (VALUES.has(keyword)) return [keyword, value];
      return [keyword, NAMED.has(keyword) ? harmlessEach(value) : harmless(value)];
    }),
  );
}

const harmlessEach = (schemas: unknown): unknown =>
  Object.fromEntries(Object.entries(schemas ?? {}).map(([name, schema]) => [name, harmless(schema)]));
