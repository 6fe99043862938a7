import { describe, expect, test } from "@jest/globals";
import { API_VERSION, type Model, POD_ENV, POD_PATHS } from "@vextir/api";
import { aDriver, aRelease, specOf } from "../testing/objects.ts";
import { grantedModels, isGrantedModel, unreachableModels } from "./models.ts";
import { type Accepted, review } from "./review.ts";

const model = (name: string, spec: object = {}): Model =>
  ({
    apiVersion: API_VERSION,
    kind: "Model",
    metadata: { name, namespace: "team", labels: { tier: "small" } },
    spec: { provider: "OpenAI", model: "m", ...spec },
  }) as unknown as Model;
const keyed = { apiKeySecretRef: { name: "openai", key: "api-key" } };
const there = [
  model("cloud", keyed),
  model("house", { provider: "OpenAICompatible", endpoint: "http://models.team.svc:8000/v1/" }),
  model("broken", { provider: "OpenAICompatible" }),
];

test("granted models come in the order of the grant; what is not there is told", () => {
  const { models, absent } = grantedModels(["house", "cloud", "house", "none", "broken"], there);
  expect(models.map(({ file, keyRef }) => [file.name, keyRef?.name])).toEqual([
    ["house", undefined],
    ["cloud", "openai"],
  ]);
  expect(models[1]?.file).toMatchObject({ labels: { tier: "small" }, kind: "Chat", timeoutSeconds: 120 });
  expect(JSON.stringify(models.map(({ file }) => file))).not.toContain('openai"');
  expect(absent).toEqual(["Model none", "Model broken (its spec is invalid)"]);
});

test("a Model concerns the Drivers that are granted it", () => {
  const granted = aDriver({ spec: { capabilities: { models: ["house", "cloud"] } } });
  expect(["cloud", "none"].map((name) => isGrantedModel(granted, name))).toEqual([true, false]);
  expect(isGrantedModel(aDriver({}), "cloud")).toBe(false);
  // Stored before there were defaults.
  expect(isGrantedModel({ ...granted, spec: {} as never }, "cloud")).toBe(false);
});

describe("what a model's endpoint needs of allowedHosts", () => {
  const table: { reason: string; hosts: string[]; missing: string[] }[] = [
    { reason: "nothing is listed", hosts: [], missing: ["api.openai.com:443", "models.team.svc:8000"] },
    { reason: "one is listed", hosts: ["api.openai.com"], missing: ["models.team.svc:8000"] },
    { reason: "another port", hosts: ["*", "models.team.svc"], missing: ["models.team.svc:8000"] },
    { reason: "both, one as private", hosts: ["*.openai.com", "private:models.team.svc:8000"], missing: [] },
  ];
  test.each(table)("$reason", ({ hosts, missing }) => {
    const granted = grantedModels(["cloud", "house"], there);
    const names = unreachableModels(granted, hosts).map((text) => /^allowedHosts: (\S+)/.exec(text)?.[1]);
    expect(names).toEqual(missing);
  });
});

describe("a pod", () => {
  const reviewed = (capabilities: object, from = there) => {
    const driver = aDriver({ spec: { capabilities } });
    const spec = specOf(driver);
    const models = grantedModels(spec.capabilities.models, from);
    const release = aRelease();
    const given = { driver, spec, release, source: {}, maxEventBytes: 1_048_576, known: undefined, models };
    return review(given) as Accepted;
  };
  const granted = { models: ["cloud"], allowedHosts: ["api.openai.com"] };

  test("has the key of a granted model as a file, and the rest in its driver file", () => {
    const { template, file, missing } = reviewed(granted);
    expect(missing).toEqual([]);
    expect(file.models).toEqual([expect.objectContaining({ name: "cloud", provider: "OpenAI" })]);
    const [container] = template.template.spec.containers;
    expect(container?.env).toContainEqual({ name: POD_ENV.modelKeysDir, value: POD_PATHS.modelKeysDir });
    expect(template.template.spec.volumes).toContainEqual({
      name: "model-keys",
      projected: {
        sources: [{ secret: { name: "openai", items: [{ key: "api-key", path: "cloud" }], optional: true } }],
      },
    });
  });

  test("has none of a model that is not granted", () => {
    const { template } = reviewed({});
    expect(JSON.stringify(template)).not.toContain("model-keys");
  });

  test("is not made while the model's host is not allowed; another endpoint makes new pods", () => {
    expect(reviewed({ models: ["cloud"] }).missing).toEqual([
      "allowedHosts: api.openai.com:443 (Model cloud)",
    ]);
    const moved = [model("cloud", { ...keyed, endpoint: "https://api.openai.com/v2" })];
    expect(reviewed(granted, moved).template.hash).not.toBe(reviewed(granted).template.hash);
  });

  test("another Secret's text makes no new pods, another model that it isn't granted neither", () => {
    expect(reviewed(granted, [...there, model("new")]).template.hash).toBe(reviewed(granted).template.hash);
  });
});
