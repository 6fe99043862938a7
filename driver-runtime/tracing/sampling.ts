import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";

type Variables = Readonly<Record<string, string | undefined>>;

const ROOTS = new Map<string, (argument: string | undefined) => Sampler>([
  ["always_on", () => new AlwaysOnSampler()],
  ["always_off", () => new AlwaysOffSampler()],
  ["traceidratio", (argument) => new TraceIdRatioBasedSampler(ratioOf(argument))],
]);

/**
 * By `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`; default, as the specification says, every trace whose beginning was
 * sampled. @throws RangeError for a name or a ratio that is none.
 */
export function samplerOf(variables: Variables): Sampler {
  const name = variables["OTEL_TRACES_SAMPLER"]?.trim() || "parentbased_always_on";
  const prefix = "parentbased_";
  const root = ROOTS.get(name.startsWith(prefix) ? name.slice(prefix.length) : name);
  if (!root) throw new RangeError(`OTEL_TRACES_SAMPLER: "${name}" is not known here`);
  const sampler = root(variables["OTEL_TRACES_SAMPLER_ARG"]?.trim() || undefined);
  return name.startsWith(prefix) ? new ParentBasedSampler({ root: sampler }) : sampler;
}

function ratioOf(argument = "1"): number {
  const ratio = Number(argument);
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw new RangeError(`OTEL_TRACES_SAMPLER_ARG: "${argument}" is no number from 0 to 1`);
}
