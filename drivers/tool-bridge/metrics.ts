import type { Metrics } from "@vextir/driver-runtime";

/** What is counted beside what the runtime does. */
export const bridgeMetrics = ({ counter, gauge }: Metrics) => ({
  calls: counter("vextir_tool_bridge_calls_total", "Calls passed on to the server, by outcome.", ["outcome"]),
  reachable: gauge(
    "vextir_tool_bridge_reachable",
    "1 when the server answered as it was asked last, else 0.",
  ),
  tools: gauge("vextir_tool_bridge_tools", "Tools of the server that are offered."),
});
