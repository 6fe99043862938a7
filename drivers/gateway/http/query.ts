import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { Problem } from "../problem.ts";

/** A list by commas, or the parameter given several times. */
export const list = <T extends z.ZodType>(item: T, max: number) =>
  z.preprocess(
    (value) => (typeof value === "string" ? value.split(",") : value),
    z.array(item).min(1).max(max),
  );

/** The parameters of a request's URL, checked. @throws Problem `InvalidParameter`, naming the parameter. */
export function readQuery<T extends z.ZodType>(schema: T, request: FastifyRequest): z.output<T> {
  const result = schema.safeParse(request.query);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = String(issue?.path[0] ?? (issue?.code === "unrecognized_keys" ? issue.keys[0] : ""));
  throw new Problem("InvalidParameter", `"${name}": ${issue?.message ?? "not valid"}`, {
    field: name,
    cause: result.error,
  });
}
