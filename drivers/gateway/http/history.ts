import { TypePattern } from "@vextir/driver-runtime";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { notAllowed } from "../access/authorize.ts";
import { type Principal, readsAnything } from "../access/grant.ts";
import type { RecordedEvent } from "../history/recorded.ts";
import { toOlder } from "../older/mapping.ts";
import { OLDER_TYPE } from "../older/older-event.ts";
import { Problem } from "../problem.ts";
import { toJson } from "../waiting/collected-event.ts";
import { preferred } from "./accept.ts";
import { BATCH, STRUCTURED } from "./exchange.ts";
import { list, readQuery } from "./query.ts";
import type { ServerParts } from "./server.ts";

const Text = z.string().min(1).max(1_024);
const Time = z.iso.datetime({ offset: true });
const Count = (max: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/, "must be a number")
    .transform(Number)
    .pipe(z.int().min(1).max(max));

const Query = z.strictObject({
  types: list(TypePattern, 32).optional(),
  user: Text.optional(),
  source: Text.optional(),
  publisher: Text.optional(),
  correlationid: Text.optional(),
  since: Time.optional(),
  until: Time.optional(),
  text: z.string().min(1).max(500).optional(),
  order: z.enum(["Newest", "Oldest"]).optional(),
  limit: Count(200).optional(),
  cursor: z.string().max(100).optional(),
});
const Which = { publisher: Text.optional(), source: Text.optional() };
const GetQuery = z.strictObject(Which);
const LineageQuery = z.strictObject({
  ...Which,
  direction: z.enum(["Up", "Down", "Both"]).optional(),
  limit: Count(2_000).optional(),
});
const Id = z.string().min(1).max(256);

/** `GET /api/events`, `/api/events/{id}` and its lineage: from the ledger. */
export function addHistory(server: FastifyInstance, { access, history, config }: ServerParts): void {
  // Calls are bounded here: a slow ledger must not hold memory for whoever asks.
  let underWay = 0;
  const bounded = async <T>(principal: Principal, work: () => Promise<T>): Promise<T> => {
    if (!readsAnything(principal))
      throw notAllowed("no events are shown to you: that takes a grant with read");
    if (underWay >= config.maxRequests)
      throw new Problem("Busy", `${underWay} questions are under way already`);
    underWay++;
    try {
      return await work();
    } finally {
      underWay--;
    }
  };
  const onRequest = (request: Parameters<typeof access.identify>[0]) => access.identify(request);

  server.get("/api/events", { onRequest }, async (request, reply) => {
    const principal = access.principalOf(request);
    const { correlationid, ...query } = readQuery(Query, request);
    return bounded(principal, async () => {
      const { events, cursor } = await history.query(principal, { ...query, correlation: correlationid });
      const form = formOf(request, reply, BATCH);
      const shown = events.map((event) => FORMS[form](recordedJson(event)));
      if (form !== BATCH) return { events: shown, ...(cursor !== undefined && { cursor }) };
      if (cursor !== undefined) reply.header("link", `<${nextPage(request, cursor)}>; rel="next"`);
      return shown;
    });
  });
  server.get("/api/events/:id", { onRequest }, async (request, reply) => {
    const principal = access.principalOf(request);
    const name = { id: idOf(request.params), ...readQuery(GetQuery, request) };
    return bounded(principal, async () => {
      const { event, handlings, others } = await history.get(principal, name);
      const form = formOf(request, reply, STRUCTURED);
      const shown = FORMS[form](recordedJson(event));
      return form === STRUCTURED ? shown : { event: shown, handlings, others };
    });
  });
  server.get("/api/events/:id/lineage", { onRequest }, async (request) => {
    const principal = access.principalOf(request);
    const query = { id: idOf(request.params), ...readQuery(LineageQuery, request) };
    return bounded(principal, () => history.lineage(principal, query));
  });
}

const PLAIN = "application/json";
const asIs = (event: Record<string, unknown>): object => event;
const FORMS = { [PLAIN]: asIs, [OLDER_TYPE]: toOlder, [STRUCTURED]: asIs, [BATCH]: asIs } as const;

type Form = keyof typeof FORMS;

/** The form that the client likes to read, which the answer then says that it has. */
function formOf({ headers }: FastifyRequest, reply: FastifyReply, cloudEvents: Form): Form {
  const form = preferred<Form>(headers.accept, [PLAIN, OLDER_TYPE, cloudEvents]);
  reply.header("vary", "accept").type(`${form}; charset=utf-8`);
  return form;
}

/** The same question with another cursor. */
function nextPage({ url }: FastifyRequest, cursor: string): string {
  const [path, query] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set("cursor", cursor);
  return `${path}?${parameters}`;
}

function idOf(params: unknown): string {
  const id = Id.safeParse((params as { id?: unknown }).id);
  if (id.success) return id.data;
  throw new Problem("InvalidParameter", '"id": must have 1 to 256 characters', { field: "id" });
}

const recordedJson = ({ event, storedMs, dataOmitted }: RecordedEvent) => ({
  ...toJson(event),
  storedtime: new Date(storedMs).toISOString(),
  ...(dataOmitted && { dataomitted: true }),
});
