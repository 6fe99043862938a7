import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { DriverSpec, ModelSpec, modelHost } from "@vextir/api";
import { parseAllDocuments } from "yaml";

interface Written {
  kind: string;
  metadata: { name: string };
  spec: unknown;
}
const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
const objects = files.flatMap((file) =>
  parseAllDocuments(readFileSync(join(import.meta.dirname, file), "utf8")).map(
    (document) => document.toJS() as Written,
  ),
);
const driver = (name: string) =>
  DriverSpec.parse(objects.find(({ kind, metadata }) => kind === "Driver" && metadata.name === name)?.spec);

test("every object is valid, and nothing in it is left unread", () => {
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    "Driver chat",
    "Driver fake-model",
    "Driver gateway",
    "Model openai",
    "Model fake",
    "Driver toolbox",
  ]);
  for (const { kind, spec } of objects)
    expect((kind === "Model" ? ModelSpec : DriverSpec).parse(spec)).toMatchObject(spec as object);
});

test("the agent is granted both models, the real one first, and reaches them", () => {
  const { models, allowedHosts } = driver("chat").capabilities;
  expect(models).toEqual(["openai", "fake"]);
  const hosts = objects
    .filter(({ kind }) => kind === "Model")
    .map(({ spec }) => modelHost(ModelSpec.parse(spec)));
  expect(hosts).toEqual(allowedHosts.map((host) => (host.includes(":") ? host : `${host}:443`)));
});
