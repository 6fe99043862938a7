import type { Condition } from "@vextir/api";

/** What is said of one thing; when it came to be so is added where conditions are stored. */
export interface Finding {
  status: Condition["status"];
  /** CamelCase. */
  reason: string;
  /** For people; says the same as long as the same is the case. */
  message: string;
}

export const yes = (reason: string, message: string): Finding => ({ status: "True", reason, message });
export const no = (reason: string, message: string): Finding => ({ status: "False", reason, message });
export const unknown = (reason: string, message: string): Finding => ({ status: "Unknown", reason, message });

/** Longer messages are cut: the API server refuses beyond 32,768 characters, and people stop reading earlier. */
const MAX_MESSAGE = 2_000;

/** Conditions as they are stored: `lastTransitionTime` is kept as long as a condition's status stays the same. */
export function conditions<Type extends string>(
  findings: Readonly<Record<Type, Finding>>,
  previous: readonly Condition[],
  generation: number,
  now: number,
): Condition[] {
  return (Object.keys(findings) as Type[]).map((type) => {
    const { status, reason, message } = findings[type];
    const before = previous.find((condition) => condition.type === type);
    const same = before?.status === status;
    return {
      type,
      status,
      reason,
      message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 1)}…` : message,
      observedGeneration: generation,
      lastTransitionTime: same ? before.lastTransitionTime : rfc3339(now),
    };
  });
}

/** As metav1.Time: without fractions of a second. */
export const rfc3339 = (ms: number) => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** `True` when all are; else the first that has failed or, where none has, the first that isn't yet, by its name and reason. */
export function summary(findings: Readonly<Record<string, Finding>>): Finding {
  const entries = Object.entries(findings);
  const failing =
    entries.find(([, { status, reason }]) => status === "False" && reason !== "Progressing") ??
    entries.find(([, { status }]) => status !== "True");
  if (!failing) return yes("Ready", "everything that the spec wants is there");
  const [type, { status, reason, message }] = failing;
  return { status: status === "Unknown" ? "Unknown" : "False", reason, message: `${type}: ${message}` };
}

/** Conditions whose status or reason is another than before. */
export function transitions(previous: readonly Condition[], next: readonly Condition[]): Condition[] {
  return next.filter((condition) => {
    const before = previous.find((other) => other.type === condition.type);
    return before?.status !== condition.status || before.reason !== condition.reason;
  });
}
