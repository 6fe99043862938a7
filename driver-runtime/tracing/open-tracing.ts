// What switches tracing on. It is imported only then: the SDK is no part of a driver that isn't traced.
import { context, DiagLogLevel, diag, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Logger } from "pino";
import { traceFetch } from "./fetch-spans.ts";
import { samplerOf } from "./sampling.ts";
import { spansOf } from "./spans.ts";
import type { Tracing } from "./tracing.ts";

export interface TracedProcess {
  driver: string;
  namespace: string;
  pod: string;
  /** OpenTelemetry's own, `OTEL_…`. */
  variables: Readonly<Record<string, string | undefined>>;
  log: Logger;
}

export interface OpenTracing extends Tracing {
  /** Sends what is still to be sent, for `timeoutMs` at most. Never rejects. */
  close(timeoutMs: number): Promise<void>;
}

const MAX_ATTRIBUTE_CHARS = 1_024;
/** A collector that is away is told of once in a minute. */
const TROUBLE_MS = 60_000;

/**
 * Sends spans by OTLP over HTTP (protobuf), in batches: what the collector does not take is dropped, and holds nothing up.
 * @throws RangeError for a sampler that is none.
 */
export function openTracing({ driver, namespace, pod, variables, log }: TracedProcess): OpenTracing {
  tellTrouble(log);
  const own = {
    "service.name": driver,
    "service.namespace": namespace,
    "service.instance.id": pod,
    "k8s.namespace.name": namespace,
    "k8s.pod.name": pod,
  };
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes(own))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(variables),
    spanLimits: { attributeValueLengthLimit: MAX_ATTRIBUTE_CHARS },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        ...batching(variables),
      }),
    ],
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  const tracer = provider.getTracer("vextir-driver");
  const endFetch = traceFetch(tracer);
  return {
    ...spansOf(tracer),
    async close(timeoutMs) {
      endFetch();
      await Promise.race([
        provider.shutdown().catch(() => {}),
        new Promise((resolve) => setTimeout(resolve, timeoutMs).unref()),
      ]);
    },
  };
}

/** `OTEL_BSP_…`, as the specification names them. */
function batching(variables: TracedProcess["variables"]): Record<string, number> {
  const names = {
    scheduledDelayMillis: "OTEL_BSP_SCHEDULE_DELAY",
    exportTimeoutMillis: "OTEL_BSP_EXPORT_TIMEOUT",
    maxQueueSize: "OTEL_BSP_MAX_QUEUE_SIZE",
    maxExportBatchSize: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
  };
  const set = Object.entries(names).map(([option, name]): [string, number] => [
    option,
    Number(variables[name]),
  ]);
  return Object.fromEntries(set.filter(([, value]) => value > 0));
}

function tellTrouble(log: Logger): void {
  let toldMs = Number.NEGATIVE_INFINITY;
  const tell = (problem: string) => {
    if (performance.now() - toldMs < TROUBLE_MS) return;
    toldMs = performance.now();
    log.warn({ problem: problem.slice(0, 500) }, "traces are not sent as they should be");
  };
  const none = () => {};
  diag.setLogger(
    { error: tell, warn: tell, info: none, debug: none, verbose: none },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
