import {
  type Context,
  DriverError,
  driver,
  type Event,
  type Lineage,
  on,
  ToolDriver,
  userOf,
} from "@vextir/driver-runtime";
import { Config, type Summary } from "./config.ts";
import { type Answer, answer, doneOnce } from "./requests/answer.ts";
import { documentsFound, documentWritten, synthesized, userKnown } from "./requests/answers.ts";
import {
  createDocument,
  type Desk,
  type Done,
  deleteDocument,
  updateDocument,
} from "./requests/documents.ts";
import {
  CreateDocument,
  DeleteDocument,
  InitUser,
  RequestSynthesis,
  SearchDocuments,
  UpdateDocument,
} from "./requests/schemas.ts";
import { synthesis } from "./requests/synthesis.ts";
import { Turns } from "./requests/turns.ts";
import { followChanges } from "./summaries/follow.ts";
import { lineageOf, SummaryKeeper } from "./summaries/keeper.ts";
import { type Made, makeSummary } from "./summaries/make.ts";
import { SummaryRecords } from "./summaries/records.ts";

export { Config } from "./config.ts";

/** Somebody else makes the same summary at this moment. */
const RACES = 3;

/** The context hub for those who don't speak gRPC: what is asked for by events, and summaries that are kept up to date. */
@driver({
  name: "context-hub",
  version: "0.1.0",
  resources: { requests: { cpu: "10m", memory: "96Mi" } },
  class: "Tool",
  description:
    "Stores, finds and sums up documents of the context hub by events, and keeps summaries up to date.",
  config: Config,
  capabilities: {
    publish: [
      "context.user.completed",
      "context.document.completed",
      "context.document.stored",
      "context.document.deleted",
      "context.search.completed",
      "context.synthesis.completed",
      "context.synthesis.updated",
      "context.request.failed",
    ],
    state: true,
  },
})
export default class ContextHubDriver extends ToolDriver<typeof Config> {
  readonly #turns = new Turns();
  #keeper: SummaryKeeper | undefined;
  #records: SummaryRecords | undefined;
  #failures: ReturnType<typeof this.metrics.counter<"code">> | undefined;
  #following: Promise<void> | undefined;

  override async start(): Promise<void> {
    this.#failures = this.metrics.counter(
      "vextir_context_request_failures_total",
      "Requests that have failed, by error code.",
      ["code"],
    );
    const { summaries } = this.config;
    if (summaries.length === 0) return;
    this.#records = new SummaryRecords(this.state);
    await this.#records.open();
    const made = this.metrics.counter(
      "vextir_context_summaries_total",
      "Summaries that were due, by what became of them: Made, Unchanged, Ended (nothing is left to sum up), Postponed (the hub can't now), Failed.",
      ["outcome"],
    );
    this.#keeper = new SummaryKeeper({
      ...{ summaries, records: this.#records, hub: this.context, publish: this.publish },
      ...{ log: this.log, signal: this.signal, ...this.#times },
      counted: (outcome) => made.inc({ outcome }),
    });
    this.#keeper.start();
    const collections = summaries.filter(({ onChange }) => onChange).flatMap((one) => one.collections);
    if (collections.length > 0)
      this.#following = followChanges({
        ...{ hub: this.context, state: this.state, log: this.log, signal: this.signal },
        collections: [...new Set(collections)],
        changed: ({ collection, user, provenance: { eventId } }) =>
          this.#changed(collection, user, eventId === "" ? undefined : { id: eventId, userId: user }),
      });
  }

  override async stop(): Promise<void> {
    await Promise.all([this.#keeper?.stop(), this.#following]);
    this.#records?.close();
  }

  @on("context.user.init")
  async initUser(event: Event, ctx: Context): Promise<void> {
    await this.#answer(ctx, async () => {
      const { userId } = InitUser.parse(event.data);
      const desk = this.#desk(ctx, userId);
      const { created } = await doneOnce(ctx, () =>
        ctx.context.initUser({ user: desk.user, timeoutMs: desk.timeoutMs, signal: ctx.signal }),
      );
      return [userKnown(aboutOf(desk), created)];
    });
  }

  @on("context.document.create")
  async create(event: Event, ctx: Context): Promise<void> {
    await this.#answer(ctx, async () => {
      const request = CreateDocument.parse(event.data);
      const desk = this.#desk(ctx, request.userId);
      const done = await doneOnce(ctx, () => createDocument(desk, request));
      return this.#written(desk, "create", done, request.title);
    });
  }

  @on("context.document.update")
  async update(event: Event, ctx: Context): Promise<void> {
    await this.#answer(ctx, async () => {
      const request = UpdateDocument.parse(event.data);
      const desk = this.#desk(ctx, request.userId);
      const done = await this.#inTurn(request, () => doneOnce(ctx, () => updateDocument(desk, request)));
      return this.#written(desk, "update", done, request.title);
    });
  }

  @on("context.document.delete")
  async delete(event: Event, ctx: Context): Promise<void> {
    await this.#answer(ctx, async () => {
      const request = DeleteDocument.parse(event.data);
      const desk = this.#desk(ctx, request.userId);
      const done = await this.#inTurn(request, () => doneOnce(ctx, () => deleteDocument(desk, request)));
      return this.#written(desk, "delete", done);
    });
  }

  @on("context.document.search")
  async search(event: Event, ctx: Context): Promise<void> {
    await this.#answer(ctx, async () => {
      const { query, collections = [], metadata, mode, limit, userId } = SearchDocuments.parse(event.data);
      const desk = this.#desk(ctx, userId);
      const found = await ctx.context.search(query, {
        ...{ timeoutMs: desk.timeoutMs, signal: ctx.signal },
        filter: { users: [desk.user], collections, ...(metadata && { metadata }) },
        ...(mode && { mode }),
        ...(limit !== undefined && { limit }),
      });
      return [documentsFound(aboutOf(desk), query, found)];
    });
  }

  @on("context.search.requested")
  async searchRequested(event: Event, ctx: Context): Promise<void> {
    await this.search(event, ctx);
  }

  @on("context.synthesis.requested")
  async synthesize(event: Event, ctx: Context): Promise<void> {
    await this.#answer(ctx, async () => {
      const request = RequestSynthesis.parse(event.data);
      const desk = this.#desk(ctx, request.userId);
      const { query, instruction, collections = [], summary } = request;
      if (query === undefined)
        return doneOnce(ctx, () => this.#summarise(desk, this.#summaryOf(summary ?? ""), instruction));
      const filter = { users: [desk.user], collections };
      const { synthesisMs: timeoutMs } = this.#times;
      const question = { query, instruction, filter, timeoutMs, signal: ctx.signal };
      return doneOnce(ctx, async () => [synthesized(aboutOf(desk), await synthesis(ctx.context, question))]);
    });
  }

  async #summarise(desk: Desk, summary: Summary, instruction: string | undefined): Promise<Answer[]> {
    const { ctx, user } = desk;
    const sinceMs = Date.now();
    const made = await this.#raced(() =>
      makeSummary({
        ...{ hub: ctx.context, summary, user, instruction, anew: true },
        ...{ signal: ctx.signal, ...this.#times },
      }),
    );
    if (!made.synthesis)
      throw new DriverError("NotFound", `there is nothing that "${summary.name}" could sum up`);
    await this.#keeper?.madeOnRequest(summary, user, sinceMs);
    return [synthesized({ ...aboutOf(desk), summary: summary.name }, made.synthesis), ...made.answers];
  }

  async #raced(make: () => Promise<Made>): Promise<Made> {
    for (let race = 0; ; race++) {
      try {
        return await make();
      } catch (error) {
        if (!(error instanceof DriverError && error.code === "Conflict") || race >= RACES) throw error;
      }
    }
  }

  /** Requests of one document would else go on from each other's past, again and again. */
  #inTurn({ documentId }: { documentId: string }, work: () => Promise<Done>): Promise<Done> {
    return this.#turns.take(documentId, work);
  }

  #answer(ctx: Context, work: () => Promise<readonly Answer[]>): Promise<void> {
    const { attempts } = this.config;
    return answer(ctx, { attempts, counted: (code) => this.#failures?.inc({ code }) }, work);
  }

  /** @throws DriverError `NotGranted`, `InvalidInput` */
  #desk(ctx: Context, said: string | undefined): Desk {
    const { timeoutMs } = this.#times;
    const user = userOf(ctx.event, this.config);
    if (said !== undefined && said !== user)
      throw new DriverError("InvalidInput", "data.userId: another user than the one on whose behalf this is");
    return { ctx, user, driver: this.name, timeoutMs };
  }

  get #times() {
    const { hubSeconds, synthesisSeconds } = this.config;
    return { timeoutMs: hubSeconds * 1e3, synthesisMs: synthesisSeconds * 1e3 };
  }

  async #written(
    desk: Desk,
    operation: "create" | "update" | "delete",
    done: Done,
    title?: string,
  ): Promise<Answer[]> {
    const { event } = desk.ctx;
    if (done.changed && done.collection !== undefined)
      await this.#changed(done.collection, desk.user, lineageOf(event));
    return documentWritten(aboutOf(desk), operation, done, title);
  }

  /** What can't be noted now, the hub tells again. */
  async #changed(collection: string, user: string, cause: Lineage | undefined): Promise<void> {
    try {
      await this.#keeper?.changed(collection, user, cause);
    } catch (err) {
      this.log.warn({ err }, "that summaries are due could not be noted");
    }
  }

  /** @throws DriverError `NotFound`, naming those that there are */
  #summaryOf(name: string): Summary {
    const { summaries } = this.config;
    const found = summaries.find((one) => one.name === name);
    if (found) return found;
    const there = summaries.map((one) => one.name).join(", ") || "none";
    throw new DriverError("NotFound", `there is no summary "${name}"; there are: ${there}`);
  }
}

const aboutOf = ({ ctx, user }: Desk) => ({ requestId: ctx.event.id, userId: user });
