import { ENTRY, formed, json, problems, rpcProblems } from "./responses.ts";
import { object, ref } from "./schemas.ts";

const OLDER = "application/vnd.vextir.event+json";

/** Either proof, or none where strangers are let in. */
const SECURITY = [{ bearer: [] }, { apiKey: [] }, {}];

const parameter = (name: string, description: string, schema: object = { type: "string" }) => ({
  name,
  in: "query",
  description,
  schema,
});
const limit = (maximum: number) =>
  parameter("limit", "At most so many.", { type: "integer", minimum: 1, maximum });
const ID = { name: "id", in: "path", required: true, schema: { type: "string", maxLength: 256 } };
const WHICH = [
  parameter("publisher", "Where several publishers used the id."),
  parameter("source", "Where several sources used the id."),
];
const TYPES = {
  ...parameter("types", "Patterns of types, by commas.", {
    type: "array",
    items: { type: "string" },
    minItems: 1,
  }),
  explode: false,
};
const ASKING = [...ENTRY, 403, 502, 503];

const query = {
  operationId: "queryEvents",
  summary: "Events of the past, from the ledger.",
  security: SECURITY,
  parameters: [
    TYPES,
    parameter("user", "On behalf of this user."),
    parameter("source", "With this source."),
    parameter("publisher", "Put on the bus by this driver."),
    parameter("correlationid", "Began with this event."),
    parameter("since", "Stored then or later.", { type: "string", format: "date-time" }),
    parameter("until", "Stored before.", { type: "string", format: "date-time" }),
    parameter("text", 'Words: all of them, "a phrase", or, -not.'),
    parameter("order", "Default: Newest.", { enum: ["Newest", "Oldest"] }),
    limit(200),
    parameter("cursor", "Of the page before; all else as for that page."),
  ],
  responses: {
    200: formed(
      "A page; it may hold fewer, where some may not be seen.",
      ref("Page"),
      {
        [OLDER]: ref("OlderPage"),
        "application/cloudevents-batch+json": { type: "array", items: ref("ShownEvent") },
      },
      { Link: { description: "Of a batch: the next page.", schema: { type: "string" } } },
    ),
    ...problems(400, ...ASKING),
  },
};

const registration = {
  operationId: "registerRepo",
  summary: "Makes a Git repository known for the sender's user: the event repo.registered.",
  security: SECURITY,
  requestBody: { required: true, content: { "application/json": { schema: ref("Registration") } } },
  responses: {
    202: json("Stored.", ref("Registered")),
    ...problems(400, ...ENTRY, 403, 413, 503),
  },
};

const webhook = (provider: string) => ({
  post: {
    operationId: `${provider}Webhook`,
    summary: `What ${provider} tells of repositories: events repo.*. There once its secret is configured.`,
    requestBody: { required: true, content: { "application/json": { schema: { type: "object" } } } },
    responses: {
      202: json("Stored, or nothing to be told.", {
        anyOf: [ref("Accepted"), object({ ignored: { const: true } }, ["ignored"])],
      }),
      ...problems(400, ...ENTRY, 403, 413, 503),
    },
  },
});

const event = {
  get: {
    operationId: "getEvent",
    summary: "An event of the past, and what became of it.",
    security: SECURITY,
    parameters: [ID, ...WHICH],
    responses: {
      200: formed("It.", ref("Found"), {
        [OLDER]: ref("OlderFound"),
        "application/cloudevents+json": ref("ShownEvent"),
      }),
      ...problems(400, 404, ...ASKING),
    },
  },
};

const lineage = {
  get: {
    operationId: "lineage",
    summary: "What caused an event, and what it caused.",
    security: SECURITY,
    parameters: [
      ID,
      ...WHICH,
      parameter("direction", "Default: Both.", { enum: ["Up", "Down", "Both"] }),
      limit(2_000),
    ],
    responses: { 200: json("The graph.", ref("Graph")), ...problems(400, 404, ...ASKING) },
  },
};

const health = {
  get: {
    operationId: "health",
    summary: "How the bus and the drivers that the gateway asks do. Asked anew every five seconds at most.",
    security: SECURITY,
    responses: {
      200: json("Well.", ref("SystemHealth")),
      ...problems(...ENTRY),
      503: json("Something is away.", ref("SystemHealth"), {
        "Retry-After": { required: true, schema: { type: "integer" } },
      }),
    },
  },
};

const events = {
  get: query,
  post: {
    operationId: "putEvents",
    summary: "Puts an event, or a batch of them, on the bus.",
    description:
      "CloudEvents 1.0 over HTTP: structured, batch, or binary (attributes as ce-… headers, the data as body); or an event of the older platform. Answered once the bus has stored it. Sending it again is safe.",
    security: SECURITY,
    parameters: [
      {
        name: "Prefer",
        in: "header",
        description: 'RFC 7240: `wait=10; until="chat.message.sent"` answers with what followed.',
        schema: { type: "string" },
      },
    ],
    requestBody: {
      required: true,
      content: {
        "application/cloudevents+json": { schema: ref("CloudEvent") },
        "application/cloudevents-batch+json": { schema: { type: "array", items: ref("CloudEvent") } },
        [OLDER]: { schema: ref("OlderEvent") },
        "application/json": { schema: ref("OlderEvent") },
        "*/*": { schema: {} },
      },
    },
    responses: {
      200: formed(
        "Stored, and what followed.",
        ref("Followed"),
        { [OLDER]: ref("OlderFollowed") },
        { "Preference-Applied": { required: true, schema: { type: "string" } } },
      ),
      202: json("Stored.", { anyOf: [ref("Accepted"), ref("BatchResult")] }),
      207: json("Some of the batch are stored.", ref("BatchResult")),
      ...problems(400, ...ENTRY, 403, 413, 415, 500),
      503: {
        ...problems(503)["503"],
        content: {
          "application/problem+json": { schema: ref("Problem") },
          "application/json": { schema: ref("BatchResult") },
        },
      },
    },
  },
};

const stream = {
  get: {
    operationId: "stream",
    summary: "What is observed, as server-sent events.",
    description:
      "Each message is a ShownEvent with its place on the bus as id. Events of other names: `ready` first; `resumed` (after, from: Ledger or Memory) before what was missed; `missed` where there is a hole; `end` (reason: TooSlow, Expired, Closing) last.",
    security: SECURITY,
    parameters: [
      TYPES,
      parameter("correlationid", "Only events that this one began."),
      {
        name: "Last-Event-ID",
        in: "header",
        description: "Id of the last event that came: what was missed comes first.",
        schema: { type: "string", pattern: "^\\d{1,15}-\\d{1,15}$" },
      },
    ],
    responses: {
      200: { description: "Open.", content: { "text/event-stream": { schema: { type: "string" } } } },
      ...problems(400, ...ENTRY, 403, 503),
    },
  },
};

const mcp = {
  post: {
    operationId: "mcp",
    summary: "One message of an MCP client, to which the tools that it may call are offered.",
    description:
      "Model Context Protocol, streamable HTTP without sessions: tools/list and tools/call. The body is one JSON-RPC message; Accept must name application/json and text/event-stream.",
    security: SECURITY,
    requestBody: { required: true, content: { "application/json": { schema: { type: "object" } } } },
    responses: {
      200: json("The answer, be it an error of JSON-RPC.", ref("JsonRpcAnswer")),
      202: { description: "A message that takes no answer." },
      ...rpcProblems(400),
      ...problems(...ENTRY, 403, 413, 503),
      406: json("Accept names too little.", ref("JsonRpcAnswer")),
      415: json("The body is no JSON by its Content-Type.", ref("JsonRpcAnswer")),
    },
  },
};

const healthz = {
  get: {
    operationId: "healthz",
    summary: "Whether this process reaches the bus.",
    responses: {
      200: json("It does.", ref("Health")),
      503: json("It does not.", ref("Health"), {
        "Retry-After": { required: true, schema: { type: "integer" } },
      }),
    },
  },
};

const description = {
  get: {
    operationId: "openapi",
    summary: "This document.",
    responses: {
      200: json("OpenAPI 3.1.", object({ openapi: { type: "string" } }, ["openapi"])),
      ...problems(429),
    },
  },
};

/** The older platform's names of `POST /api/events`. */
const older = (operationId: string) => ({
  post: { ...events.post, operationId, summary: "The older platform's name of /api/events." },
});

export const paths = {
  "/api/events": events,
  "/api/PutEvent": older("PutEvent"),
  "/api/UniversalEventProcessor": older("UniversalEventProcessor"),
  "/api/events/{id}": event,
  "/api/events/{id}/lineage": lineage,
  "/api/stream": stream,
  "/api/repos": { post: registration },
  "/api/RegisterRepo": {
    post: {
      ...registration,
      operationId: "olderRegisterRepo",
      summary: "The older platform's name of /api/repos.",
    },
  },
  "/webhooks/github": webhook("github"),
  "/webhooks/gitlab": webhook("gitlab"),
  "/webhooks/gitea": webhook("gitea"),
  "/mcp": mcp,
  "/api/health": health,
  "/api/Health": {
    get: { ...health.get, operationId: "olderHealth", summary: "The older platform's name of /api/health." },
  },
  "/healthz": healthz,
  "/openapi.json": description,
};
