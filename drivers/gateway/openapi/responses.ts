import { ref } from "./schemas.ts";

type Response = Record<string, unknown>;

export const json = (description: string, schema: object, headers?: object): Response => ({
  description,
  ...(headers && { headers }),
  content: { "application/json": { schema } },
});

const VARY = { Vary: { required: true, schema: { const: "accept" } } };

/** An answer of which `Accept` chooses the form; `others` are schemas by media type. */
export const formed = (
  description: string,
  schema: object,
  others: Record<string, object>,
  headers?: object,
): Response => ({
  description,
  headers: { ...VARY, ...headers },
  content: Object.fromEntries(
    Object.entries({ "application/json": schema, ...others }).map(([type, each]) => [type, { schema: each }]),
  ),
});

const RETRY_AFTER = {
  "Retry-After": { description: "Seconds.", required: true, schema: { type: "integer", minimum: 1 } },
};
const CHALLENGE = {
  "WWW-Authenticate": { description: "RFC 6750.", required: true, schema: { type: "string" } },
};

const PROBLEMS: Record<number, { description: string; headers?: object }> = {
  400: { description: "The request is not what it should be; `field` says where." },
  401: { description: "Nobody is let in without proof of who they are.", headers: CHALLENGE },
  403: { description: "Known, and not allowed to; or the gateway's Driver has no such grant." },
  404: { description: "There is no such thing, or none that may be seen." },
  413: { description: "Too large, for the gateway or for the bus." },
  415: { description: "Another format." },
  429: { description: "Too often.", headers: RETRY_AFTER },
  500: { description: "A fault of the gateway's own; its log says more." },
  502: { description: "A driver that was asked gave no good answer." },
  503: { description: "Not now: send it again, it is safe.", headers: RETRY_AFTER },
};

/** Problems of RFC 9457 by their status. */
export const problems = (...statuses: number[]): Record<string, Response> =>
  Object.fromEntries(
    statuses.map((status) => [
      String(status),
      { ...PROBLEMS[status], content: { "application/problem+json": { schema: ref("Problem") } } },
    ]),
  );

/** A refusal by the gateway, or by the protocol that is spoken within HTTP. */
export const rpcProblems = (...statuses: number[]): Record<string, Response> =>
  Object.fromEntries(
    Object.entries(problems(...statuses)).map(([status, response]) => [
      status,
      {
        ...response,
        content: {
          ...(response["content"] as object),
          "application/json": { schema: ref("JsonRpcAnswer") },
        },
      },
    ]),
  );

/** What every operation with a sender may answer. */
export const ENTRY = [401, 429];
