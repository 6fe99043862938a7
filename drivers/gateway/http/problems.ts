import type { FastifyError, FastifyReply } from "fastify";
import { Problem, type ProblemCode, RETRY_AFTER_SECONDS } from "../problem.ts";

const STATUS_CODES: Record<number, ProblemCode> = {
  404: "NotFound",
  408: "RequestTimeout",
  413: "TooLarge",
  415: "UnsupportedMediaType",
  431: "HeadersTooLarge",
};

export function problemOf(error: FastifyError | Problem): Problem {
  if (error instanceof Problem) return error;
  const status = error.statusCode ?? 500;
  if (status >= 500) return new Problem("Internal", "the gateway failed; its log says how", { cause: error });
  return new Problem(STATUS_CODES[status] ?? "BadRequest", error.message, { cause: error });
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) reply.header("retry-after", RETRY_AFTER_SECONDS);
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type("application/problem+json")
    .send(JSON.stringify(problem));
}
