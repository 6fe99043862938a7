type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Whether the environment asks for traces (OpenTelemetry's "Environment Variable Specification"): an endpoint is named, or the
 * exporter. Without either nothing of the SDK is loaded.
 */
export function tracesWanted(variables: Variables): boolean {
  if (variables["OTEL_SDK_DISABLED"]?.toLowerCase() === "true") return false;
  const exporter = variables["OTEL_TRACES_EXPORTER"]?.trim();
  if (exporter) return exporter === "otlp";
  return Boolean(variables["OTEL_EXPORTER_OTLP_ENDPOINT"] || variables["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]);
}
