import { type DriverSpec, filterProblem } from "@vextir/api";

/** What is wrong with the spec's filters, with its place. */
export function filtersProblem(spec: DriverSpec): string | undefined {
  for (const [index, { filters }] of spec.subscriptions.entries()) {
    const problem = filterProblem(filters, `spec.subscriptions[${index}].filters`);
    if (problem) return problem;
  }
  return undefined;
}
