import type { Metrics } from "@vextir/driver-runtime";

/** What the gateway counts beside what the runtime does. */
export const gatewayMetrics = ({ counter, histogram }: Metrics) => ({
  answers: counter("vextir_gateway_answers_total", "Answers to events, by status.", ["status"]),
  toolCalls: counter("vextir_gateway_tool_calls_total", "Tools called by MCP clients, by outcome.", [
    "outcome",
  ]),
  requests: histogram(
    "vextir_gateway_request_duration_seconds",
    "Time from a request's arrival until its answer was sent, by method, route and status.",
    ["method", "route", "status"],
  ),
});
