import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { context, SpanKind, SpanStatusCode } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { DriverError } from "../errors.ts";
import { logFields } from "./log-fields.ts";
import { spansOf } from "./spans.ts";

const exporter = new InMemorySpanExporter();
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
const tracing = spansOf(provider.getTracer("test"));
const manager = new AsyncLocalStorageContextManager();

beforeAll(() => {
  context.setGlobalContextManager(manager.enable());
});
afterAll(() => {
  manager.disable();
});
beforeEach(() => exporter.reset());

const cause = { traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
const spec = (name: string, more = {}) => ({ name, kind: SpanKind.INTERNAL, attributes: {}, ...more });
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const done = (name: string) => {
  const span = exporter.getFinishedSpans().find((finished) => finished.name === name);
  if (!span) throw new Error(`no span ${name}`);
  const { traceId, spanId } = span.spanContext();
  const links = span.links.map(({ context: linked }) => linked.spanId);
  return {
    traceId,
    spanId,
    parent: span.parentSpanContext?.spanId,
    links,
    status: span.status,
    attributes: span.attributes,
  };
};

test("what is consumed continues its cause and links to it, whatever runs around it", async () => {
  await tracing.inSpan(
    () => spec("around"),
    () =>
      tracing.inSpan(
        () => spec("consumed", { cause, consumes: "Continue" }),
        async () => {},
      ),
  );
  expect(done("consumed")).toMatchObject({
    ...{ traceId: TRACE, parent: "b7ad6b7169203331" },
    links: ["b7ad6b7169203331"],
  });
});

test("what is replayed is a trace of its own with a link, and so is what follows it", async () => {
  await tracing.inSpan(
    () => spec("replayed", { cause, consumes: "Link" }),
    (traced) =>
      tracing.inSpan(
        () => spec("after", { cause: traced?.place }),
        async () => {},
      ),
  );
  const replayed = done("replayed");
  expect(replayed.traceId).not.toBe(TRACE);
  expect([replayed.parent, replayed.links]).toEqual([undefined, ["b7ad6b7169203331"]]);
  expect(done("after")).toMatchObject({ traceId: replayed.traceId, parent: replayed.spanId, links: [] });
});

test("within one trace the parent is what runs; a cause of another trace goes before it, with a link back", async () => {
  await tracing.inSpan(
    () => spec("running", { cause, consumes: "Continue" }),
    async () => {
      await tracing.inSpan(
        () => spec("same", { cause }),
        async () => {},
      );
      const other = { traceParent: "00-11111111111111111111111111111111-2222222222222222-01" };
      await tracing.inSpan(
        () => spec("other", { cause: other }),
        async () => {},
      );
    },
  );
  const running = done("running");
  expect(done("same")).toMatchObject({ traceId: TRACE, parent: running.spanId, links: [] });
  expect(done("other")).toMatchObject({ parent: "2222222222222222", links: [running.spanId] });
});

test("an error ends its span by its code, without its words", async () => {
  const error = new DriverError("Timeout", "secret words");
  const failing = tracing.inSpan(
    () => spec("failing"),
    () => Promise.reject(error),
  );
  await expect(failing).rejects.toBe(error);
  const { status, attributes } = done("failing");
  expect([status, attributes]).toEqual([{ code: SpanStatusCode.ERROR }, { "error.type": "Timeout" }]);
});

test("lines name the span that they are written in, and none outside", async () => {
  expect(logFields()).toEqual({});
  const fields = await tracing.inSpan(
    () => spec("logging"),
    async () => logFields(),
  );
  const { traceId, spanId } = done("logging");
  expect(fields).toEqual({ trace_id: traceId, span_id: spanId, trace_flags: "01" });
});
