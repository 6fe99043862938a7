type Variables = Readonly<Record<string, string | undefined>>;

/**
 * What drivers are told of tracing (docs/tracing.md): OpenTelemetry's own variables, as far as they are the same for all and hold no
 * secret. Headers and keys stay here: whoever may read a namespace's pods would read them too.
 */
const HANDED_ON = [
  "OTEL_SDK_DISABLED",
  "OTEL_TRACES_EXPORTER",
  "OTEL_TRACES_SAMPLER",
  "OTEL_TRACES_SAMPLER_ARG",
  "OTEL_RESOURCE_ATTRIBUTES",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_COMPRESSION",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_BSP_SCHEDULE_DELAY",
  "OTEL_BSP_MAX_QUEUE_SIZE",
  "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
] as const;

/** Of this process's environment; empty where nothing of it is set. */
export function telemetryVariables(environment: Variables): Record<string, string> {
  const set = HANDED_ON.flatMap((name) => {
    const value = environment[name];
    return value ? [[name, value] as const] : [];
  });
  return Object.fromEntries(set);
}

/** Ports that the collectors are reached at, by the URLs among the variables. */
export function collectorPorts(variables: Variables): number[] {
  const names = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
  const ports = names.flatMap((name) => {
    const url = URL.parse(variables[name] ?? "");
    return url ? [Number(url.port || (url.protocol === "https:" ? 443 : 80))] : [];
  });
  return [...new Set(ports)];
}
