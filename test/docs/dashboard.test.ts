import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { type MetricLine, metricsPage } from "../fixtures/metrics-page.ts";
import { readQuery } from "../fixtures/promql.ts";

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string; legendFormat: string }[];
}
interface Dashboard {
  uid: string;
  panels: Panel[];
  templating: { list: { name: string; query: string | { query: string } }[] };
}

let dashboard: Dashboard;
let page: Map<string, MetricLine>;
beforeAll(async () => {
  const file = join(import.meta.dirname, "../../charts/vextir/files/dashboard.json");
  dashboard = JSON.parse(await readFile(file, "utf8"));
  page = new Map((await metricsPage()).map((line) => [line.name, line]));
});

/** What Grafana puts in. */
const filled = (text: string) =>
  text.replaceAll("$__rate_interval", "5m").replaceAll(/\$(namespace|driver)\b/g, ".*");

const queries = () =>
  dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat })),
  );

/** The metric whose series has this name. */
const metricOf = (series: string) => {
  const base = series.replace(/_(bucket|sum|count)$/, "");
  const line = page.get(series) ?? page.get(base);
  return line?.type === "histogram" && base === series ? undefined : line;
};

/** What scraping says of a target, beside what the process says. */
const OF_TARGETS = ["namespace", "driver", "pod"];

test.each(["sum(rate(a[5m])", "sum by (rate(a[5m]))", "a{b=~c}", "a +"])("%s is no PromQL", (text) => {
  expect(readQuery(text).errors).not.toEqual([]);
});

test("every query is PromQL, and asks for metrics and labels of docs/metrics.md alone", () => {
  expect(queries().length).toBeGreaterThan(30);
  for (const { title, expr } of queries()) {
    const { errors, metrics, labels } = readQuery(filled(expr));
    expect({ title, expr, errors }).toEqual({ title, expr, errors: [] });
    expect(metrics.length).toBeGreaterThan(0);
    const lines = metrics.map((name) => ({ name, line: metricOf(name) }));
    expect({ title, unknown: lines.filter(({ line }) => !line).map(({ name }) => name) }).toEqual({
      title,
      unknown: [],
    });
    const known = new Set([...OF_TARGETS, ...lines.flatMap(({ line }) => line?.labels ?? [])]);
    if (metrics.some((name) => name.endsWith("_bucket"))) known.add("le");
    expect({ title, unknown: labels.filter((label) => !known.has(label)) }).toEqual({ title, unknown: [] });
  }
});

test("counters are asked for their rate, and gauges are not", () => {
  for (const { title, expr } of queries())
    for (const name of readQuery(filled(expr)).metrics) {
      const isRate = new RegExp(`(rate|increase)\\(${name}[{[]`).test(expr);
      const counts = metricOf(name)?.type !== "gauge";
      expect({ title, name, isRate }).toEqual({ title, name, isRate: counts });
    }
});

test("legends name labels that the query keeps", () => {
  for (const { title, expr, legendFormat } of queries()) {
    const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = ""]) => names.split(/, ?/));
    const named = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name);
    expect({ title, lost: named.filter((name) => !kept.includes(name as string)) }).toEqual({
      title,
      lost: [],
    });
  }
});

describe("the page", () => {
  test("has no two panels of one id or in one place", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true);
  });

  test("chooses namespaces and drivers by metrics that there are", () => {
    const asked = dashboard.templating.list.map(({ query }) =>
      typeof query === "string" ? query : query.query,
    );
    const names = asked.flatMap((query) => /^label_values\((\w+)/.exec(query)?.[1] ?? []);
    expect(names).toEqual(["vextir_driver_ready", "vextir_driver_ready"]);
    expect(page.has("vextir_driver_ready")).toBe(true);
  });

  test.each([
    ["events out", "vextir_driver_events_published_total"],
    ["handling by outcome", "vextir_driver_events_handled_total"],
    ["handling's latency", "vextir_driver_handling_duration_seconds_bucket"],
    ["lag", "vextir_driver_events_pending"],
    ["the callout's latency", "vextir_bus_connection_decision_duration_seconds_bucket"],
    ["the publish quota", "vextir_publish_held_back_total"],
    ["egress refusals", "vextir_egress_refusals_total"],
    ["reconciling's latency", "vextir_reconcile_duration_seconds_bucket"],
    ["reconciling's errors", "vextir_reconcile_total"],
    ["the gateway's requests", "vextir_gateway_request_duration_seconds_count"],
  ])("shows %s", (_what, name) => {
    expect(queries().flatMap(({ expr }) => readQuery(filled(expr)).metrics)).toContain(name);
  });
});
