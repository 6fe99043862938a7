import { isObject } from "./json.ts";

/**
 * Pods' annotations are read by whoever runs on the node: network plugins (another network, another address), container runtimes
 * (devices, kernel parameters), injectors (containers, cloud roles). So only these are taken over: keys of a person's own, without a
 * dot or a prefix, and those that are known to change nothing but scraping and draining. The chart's `drivers.podAnnotations` adds more.
 */
const HARMLESS = [
  "prometheus.io/*",
  "cluster-autoscaler.kubernetes.io/*",
  "kubectl.kubernetes.io/default-container",
  "kubectl.kubernetes.io/restartedAt",
];
const OWN_KEY = /^[A-Za-z0-9]([-A-Za-z0-9_]{0,61}[A-Za-z0-9])?$/;
/** Of all together; the API server takes 256 KiB, which every list of pods then carries. */
const MAX_CHARACTERS = 16_384;

/** What is taken over of a podTemplate's annotations; `ignored` takes the names of the rest. */
export function safeAnnotations(
  annotations: unknown,
  allowed: readonly string[],
  path: string,
  ignored: string[],
): Record<string, string> {
  const safe: Record<string, string> = {};
  const patterns = [...HARMLESS, ...allowed];
  let left = MAX_CHARACTERS;
  for (const [key, value] of Object.entries(isObject(annotations) ? annotations : {})) {
    const fits = typeof value === "string" && isAllowed(key, patterns) && key.length + value.length <= left;
    if (!fits) ignored.push(`${path}.${key}`);
    else {
      safe[key] = value;
      left -= key.length + value.length;
    }
  }
  return safe;
}

const isAllowed = (key: string, patterns: readonly string[]) =>
  OWN_KEY.test(key) ||
  patterns.some((pattern) =>
    pattern.endsWith("*") ? key.startsWith(pattern.slice(0, -1)) : key === pattern,
  );
