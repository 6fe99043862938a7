import { z } from "zod";

/** One version of one type's data. */
export interface CatalogueEntry {
  type: string;
  /** From 1; another one only for what readers or writers of the last could not bear. */
  version: number;
  /** What has happened, or what is asked for. */
  description: string;
  schema: z.ZodObject;
}

export const entry = (
  type: string,
  description: string,
  shape: z.core.$ZodLooseShape,
  version = 1,
): CatalogueEntry => ({ type, version, description, schema: z.object(shape) as z.ZodObject });

/** The URI of a schema, as the attribute `dataschema` names it. An event that names none is of version 1. */
export const dataSchemaUri = (type: string, version: number) => `urn:vextir:event:${type}:${version}`;

/** The version of data that the older platform's clients wrote: anything. */
export const OLDER_VERSION = 0;
