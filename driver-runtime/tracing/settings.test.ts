import { describe, expect, test } from "@jest/globals";
import { samplerOf } from "./sampling.ts";
import { tracesWanted } from "./wanted.ts";

describe("what switches traces on", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel:4318" };
  const table = [
    { reason: "nothing", variables: {}, wanted: false },
    { reason: "an endpoint", variables: endpoint, wanted: true },
    { reason: "one for traces", variables: { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://o" }, wanted: true },
    { reason: "an empty one", variables: { OTEL_EXPORTER_OTLP_ENDPOINT: "" }, wanted: false },
    { reason: "the exporter", variables: { OTEL_TRACES_EXPORTER: "otlp" }, wanted: true },
    { reason: "no exporter", variables: { ...endpoint, OTEL_TRACES_EXPORTER: "none" }, wanted: false },
    { reason: "switched off", variables: { ...endpoint, OTEL_SDK_DISABLED: "TRUE" }, wanted: false },
    { reason: "a name alone", variables: { OTEL_SERVICE_NAME: "x" }, wanted: false },
  ];
  test.each(table)("$reason: $wanted", ({ variables, wanted }) => {
    expect(tracesWanted(variables)).toBe(wanted);
  });
});

describe("samplers are those of the specification", () => {
  const table: { name?: string; argument?: string; is: RegExp }[] = [
    { is: /^ParentBased\{root=AlwaysOn/ },
    { name: "always_off", is: /^AlwaysOff/ },
    { name: "traceidratio", argument: "0.25", is: /^TraceIdRatioBased\{0\.25\}/ },
    { name: "traceidratio", is: /^TraceIdRatioBased\{1\}/ },
    { name: "parentbased_traceidratio", argument: "0.5", is: /^ParentBased\{root=TraceIdRatioBased\{0\.5\}/ },
  ];
  test.each(table)("$name $argument", ({ name, argument, is }) => {
    const variables = { OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: argument };
    expect(String(samplerOf(variables))).toMatch(is);
  });

  test.each([
    { OTEL_TRACES_SAMPLER: "jaeger_remote" },
    { OTEL_TRACES_SAMPLER: "constructor" },
    { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "2" },
    { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "half" },
  ])("%j is refused by its variable's name", (variables) => {
    expect(() => samplerOf(variables)).toThrow(/^OTEL_TRACES_SAMPLER/);
  });
});
