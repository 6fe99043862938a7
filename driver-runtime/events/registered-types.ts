import {
  catalogueViolation,
  maybeCatalogued,
  type Violation,
  violationOf,
} from "@vextir/api/catalogue/index.ts";
import type { z } from "zod";
import { DriverError } from "../errors.ts";

/** Data that breaks the registered schema of its type. */
export class SchemaViolation extends DriverError {
  /** `data.from.address`, or `dataschema`. */
  readonly field: string;
  /** URI of the schema. */
  readonly schema: string;

  constructor(type: string, { field, problem, schema }: Violation) {
    super("InvalidInput", `"${field}" of an event "${type}": ${problem} (schema ${schema})`);
    this.field = field;
    this.schema = schema;
  }
}

/** An event of a type that may be registered. */
export interface Checked {
  type: string;
  dataSchema?: string | undefined;
  data?: unknown;
}

/** Schemas of types: the catalogue's, loaded when the first of a family is met, and the driver's own. */
export class RegisteredTypes {
  readonly #own: ReadonlyMap<string, z.ZodType>;

  constructor(own: Readonly<Record<string, z.ZodType>> = {}) {
    this.#own = new Map(Object.entries(own));
  }

  /** False when the type certainly has no schema: then there is nothing to wait for. */
  mayHave(type: string): boolean {
    return maybeCatalogued(type) || this.#own.has(type);
  }

  /** How the event breaks its type's schema; undefined when it doesn't, or there is none. */
  async violation({ type, dataSchema, data }: Checked): Promise<SchemaViolation | undefined> {
    const own = this.#own.get(type);
    const found = own
      ? violationOf(own, dataSchema ?? `the driver's own of "${type}"`, data)
      : await catalogueViolation(type, dataSchema, data);
    return found && new SchemaViolation(type, found);
  }
}
