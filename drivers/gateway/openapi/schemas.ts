import { PROBLEM_CODES } from "../problem.ts";

type Schema = Record<string, unknown>;

export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

const text = (description?: string): Schema => ({ type: "string", ...(description && { description }) });
export const object = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: "object",
  properties,
  ...(required.length > 0 && { required }),
});

/** Attributes of CloudEvents 1.0; extensions are further members. */
const attributes = {
  specversion: { const: "1.0" },
  id: { type: "string", minLength: 1, maxLength: 256 },
  source: { type: "string", format: "uri-reference", minLength: 1, maxLength: 1_024 },
  type: { type: "string", minLength: 1, maxLength: 200, pattern: "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$" },
  subject: text("What it is about."),
  time: { type: "string", format: "date-time" },
  datacontenttype: text(),
  dataschema: { type: "string", format: "uri" },
  data: { description: "A JSON value, or text of another content type." },
  data_base64: { type: "string", contentEncoding: "base64" },
  partitionkey: text("Events of one key keep their order."),
  traceparent: text("W3C trace context."),
  tracestate: text("Dropped where it is none, or without a traceparent."),
  userid: text("Default: the sender's. Another one takes a grant with users: Any."),
};

/** Answers with events in one of their forms. */
const followed = (form: string): Schema => ({
  allOf: [
    ref("Accepted"),
    object(
      {
        complete: { type: "boolean", description: "The event that ends the wait came." },
        truncated: { const: true, description: "There was more, or some were missed." },
        events: { type: "array", items: ref(form) },
      },
      ["complete", "events"],
    ),
  ],
});
const page = (form: string): Schema =>
  object({ events: { type: "array", items: ref(form) }, cursor: text("For the next page.") }, ["events"]);
const found = (form: string): Schema =>
  object(
    {
      event: ref(form),
      handlings: { type: "array", items: ref("Handling") },
      others: { type: "integer", description: "Further events with this id." },
    },
    ["event", "handlings", "others"],
  );

export const schemas: Record<string, Schema> = {
  CloudEvent: {
    ...object(attributes, ["specversion", "id", "source", "type"]),
    description: "CloudEvents 1.0, JSON format. Further members are extension attributes.",
  },
  OlderEvent: {
    ...object(
      {
        id: { type: ["string", "number", "null"], description: "Without one it is given one." },
        timestamp: {
          type: ["string", "number"],
          description: "ISO 8601, or seconds or milliseconds since 1970.",
        },
        source: text(),
        type: attributes.type,
        userID: { type: ["string", "number", "null"] },
        user_id: { type: ["string", "number", "null"], description: "As userID." },
        metadata: { description: "The data: any JSON value." },
        history: { description: "Kept as it is." },
      },
      ["timestamp", "source", "type"],
    ),
    description: "The event JSON of the older platform. Further members are kept.",
  },
  ShownEvent: {
    ...object(
      {
        ...attributes,
        publisher: text("The driver that put it on the bus, by the server's word."),
        correlationid: text("Id of the event that began it all."),
        causationid: text("Id of the event that directly caused it."),
        hops: { type: "integer", minimum: 0, description: "Events between the first one and this." },
      },
      ["specversion", "id", "source", "type", "publisher", "correlationid", "hops"],
    ),
    description: "An event as the bus has it.",
  },
  Accepted: object(
    {
      id: text(),
      correlationid: text("Everything that the event brings about carries it."),
      duplicate: { const: true, description: "The bus had it already: it was not stored again." },
    },
    ["id", "correlationid"],
  ),
  Followed: followed("ShownEvent"),
  OlderFollowed: followed("OlderEvent"),
  BatchResult: object(
    {
      ids: { type: "array", items: text(), description: "Of the events that are stored." },
      results: {
        type: "array",
        description: "In the batch's order.",
        items: object(
          {
            id: text(),
            correlationid: text(),
            status: { type: "integer" },
            duplicate: { const: true },
            problem: ref("Problem"),
          },
          ["status"],
        ),
      },
    },
    ["ids", "results"],
  ),
  Problem: {
    ...object(
      {
        type: { enum: PROBLEM_CODES.map((code) => `urn:vextir:problem:${code}`) },
        title: text(),
        status: { type: "integer" },
        detail: text("What is wrong, and what to do."),
        field: text("The attribute, header or parameter at fault, as the client wrote it."),
        results: {
          type: "array",
          description: "The entries of a batch that are at fault.",
          items: object({ index: { type: "integer" }, problem: ref("Problem") }, ["index", "problem"]),
        },
      },
      ["type", "title", "status", "detail"],
    ),
    description: "RFC 9457.",
  },
  Registration: object(
    {
      url: text("https or ssh, without a password."),
      provider: text("github, gitlab, gitea, …"),
      name: text("<owner>/<name>"),
      defaultBranch: text(),
    },
    ["url"],
  ),
  Registered: { allOf: [ref("Accepted"), object({ repoId: text() }, ["repoId"])] },
  Page: page("ShownEvent"),
  OlderPage: page("OlderEvent"),
  Handling: object(
    {
      driver: text(),
      subscription: text(),
      attempt: { type: "integer" },
      at: text(),
      durationMs: { type: "number" },
      outcome: text("Succeeded, Retried, DeadLettered, GivenUp or Returned."),
      reason: text(),
      error: text(),
    },
    ["driver"],
  ),
  Found: found("ShownEvent"),
  OlderFound: found("OlderEvent"),
  Graph: object(
    {
      events: {
        type: "array",
        description: "Causes before effects.",
        items: object({ id: text(), type: text(), handlings: { type: "array", items: ref("Handling") } }, [
          "id",
          "type",
          "handlings",
        ]),
      },
      edges: {
        type: "array",
        description: "From cause to effect: places in `events`.",
        items: object({ from: { type: "integer" }, to: { type: "integer" } }, ["from", "to"]),
      },
      focus: { type: "integer", description: "Place of the event that was asked for." },
      truncated: { type: "boolean" },
      hidden: { type: "integer", description: "Events that may not be seen, left out." },
    },
    ["events", "edges", "focus", "truncated", "hidden"],
  ),
  PartHealth: object(
    {
      status: { enum: ["ok", "away", "notReady", "notGranted"] },
      latencyMs: { type: "number" },
    },
    ["status"],
  ),
  SystemHealth: object(
    {
      status: { enum: ["ok", "degraded"] },
      bus: ref("PartHealth"),
      hub: ref("PartHealth"),
      drivers: { type: "object", additionalProperties: ref("PartHealth") },
    },
    ["status", "bus", "drivers"],
  ),
  JsonRpcAnswer: object(
    {
      jsonrpc: { const: "2.0" },
      id: { type: ["string", "integer", "null"] },
      result: { type: "object" },
      error: object({ code: { type: "integer" }, message: text(), data: {} }, ["code", "message"]),
    },
    ["jsonrpc", "id"],
  ),
  Health: object({ status: text() }, ["status"]),
};
