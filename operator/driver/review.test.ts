import { describe, expect, test } from "@jest/globals";
import { aDriver, aManifest, aRelease, specOf } from "../testing/objects.ts";
import { type Accepted, type ReviewInput, readSpec, review } from "./review.ts";

const reviewed = (spec: object, change: Partial<ReviewInput> = {}) => {
  const driver = aDriver({ spec });
  const release = aRelease();
  return review({
    ...{ driver, spec: specOf(driver), release, source: {}, maxEventBytes: 1_048_576, known: undefined },
    ...change,
  });
};

const strict = aRelease({
  manifests: new Map([
    [
      "assistant",
      aManifest({
        config: { type: "object", properties: { tone: { type: "string" } }, required: ["tone", "apiKey"] },
        capabilities: { publish: ["a.b"], call: ["toolbox.time"], state: true },
      }),
    ],
  ]),
});

describe("a spec", () => {
  const table: { reason: string; spec: object; change?: Partial<ReviewInput>; want: string; says?: string }[] = [
    { reason: "a built-in", spec: {}, want: "Accepted" },
    { reason: "a name that is no built-in", spec: { module: "asistant" }, want: "UnknownModule", says: "assistant" },
    { reason: "a path is the image's affair", spec: { module: "./mine.js" }, want: "Accepted" },
    { reason: "so is any module of an own image", spec: { module: "x", image: "i" }, want: "Accepted" },
    {
      reason: "a source that is not there",
      spec: { module: undefined, source: { configMapRef: { name: "x" } } },
      change: { source: { problem: "ConfigMap x is not there" } },
      want: "SourceNotFound",
      says: "ConfigMap x",
    },
    {
      reason: "a source too large for a ConfigMap",
      spec: { module: undefined, source: { configMapRef: { name: "x" } } },
      change: { source: { text: "x".repeat(1_000_001) } },
      want: "SourceTooLarge",
    },
    {
      reason: "a configuration against the schema",
      spec: { config: { tone: 3 }, configSecretRefs: [{ name: "apiKey", secretKeyRef: { name: "s", key: "k" } }] },
      change: { release: strict },
      want: "ConfigInvalid",
      says: "spec.config.tone",
    },
    { reason: "a key that is missing", spec: { config: { tone: "a" } }, change: { release: strict }, want: "ConfigInvalid", says: "apiKey" },
    {
      reason: "a key that a Secret fills",
      spec: { config: { tone: "a" }, configSecretRefs: [{ name: "apiKey", secretKeyRef: { name: "s", key: "k" } }] },
      change: { release: strict },
      want: "Accepted",
    },
    {
      reason: "a secret as an environment variable",
      spec: { env: [{ name: "KEY", valueFrom: { secretKeyRef: { name: "s", key: "k" } } }] },
      want: "SecretInEnvironment",
      says: "spec.env[KEY].valueFrom.secretKeyRef",
    },
    { reason: "a Secret's keys as environment variables", spec: { envFrom: [{ secretRef: { name: "s" } }] }, want: "SecretInEnvironment", says: "spec.envFrom" },
    { reason: "another class", spec: { class: "IO" }, want: "ClassMismatch" },
    { reason: "overlapping types", spec: { subscriptions: [{ types: ["a.*", "*.b"] }] }, want: "OverlappingPatterns", says: "subscriptions[default].types" },
    { reason: "a type within another is no overlap", spec: { subscriptions: [{ types: ["a.>", "a.b"] }] }, want: "Accepted" },
  ]; // biome-ignore format: one case per line where it fits
  test.each(table)("$reason: $want", ({ spec, change, want, says }) => {
    const result = reviewed(spec, change);
    expect(result.accepted ? "Accepted" : result.reason).toBe(want);
    if (says && !result.accepted) expect(result.message).toContain(says);
  });

  test("what the code needs and nobody grants is told by name", () => {
    const refs = [{ name: "apiKey", secretKeyRef: { name: "s", key: "k" } }];
    const spec = { config: { tone: "a" }, configSecretRefs: refs, capabilities: { publish: ["a.*"] } };
    const result = reviewed(spec, { release: strict }) as Accepted;
    expect(result.missing).toEqual(["call toolbox.time", "state"]);
  });

  test("the code gets to know its configuration and grants, and the template is named after them", () => {
    const one = reviewed({ config: { a: 1 } }) as Accepted;
    const other = reviewed({ config: { a: 2 } }) as Accepted;
    expect(JSON.parse(one.data["driver.json"] ?? "")).toMatchObject({ name: "assistant", config: { a: 1 } });
    expect(one.template.hash).not.toBe(other.template.hash);
  });

  test("stored by an older schema is a problem with its place, not a crash", () => {
    const driver = aDriver({});
    expect(readSpec({ ...driver, spec: { class: "Robot" } as never })).toEqual({
      problem: expect.stringContaining("spec.class"),
    });
    expect(readSpec({ ...driver, spec: undefined as never })).toHaveProperty("problem");
  });
});
