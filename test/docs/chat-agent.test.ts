import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parseYamlFile } from "@vextir/cli/local/folder/yaml-file.ts";
import { Config } from "@vextir/driver-chat-agent/config.ts";

const page = await readFile(join(import.meta.dirname, "../../drivers/chat-agent/README.md"), "utf8");

test("the README's manifests are taken as they stand", () => {
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const { objects, problems, notes } = parseYamlFile("README.md", yaml);
  expect({ problems, notes }).toEqual({ problems: [], notes: [] });
  expect(objects.map(({ object }) => object.kind)).toEqual(["Model", "Driver"]);
});

test("its table of the configuration has every key and its default", () => {
  const rows = [...page.matchAll(/^\| `([\w.]+)` +\| ([^|]+?) +\|/gm)].map(([, key, value]) => [key, value]);
  const table = Object.fromEntries(rows);
  const { memory, persona, context, ...rest } = Config.parse({});
  expect(persona).toContain("say so when you do not know");
  expect(context.collections).toEqual([]);
  const within = (name: string, keys: object) =>
    Object.fromEntries(Object.entries(keys).map(([key, value]) => [`${name}.${key}`, value]));
  const nested = {
    ...within("memory", memory),
    ...within("context", { ...context, collections: "all that is granted", defaultUser: "none" }),
  };
  const flat = { ...rest, ...nested };
  for (const [key, value] of Object.entries(flat)) expect([key, table[key]]).toEqual([key, String(value)]);
  const keys = [
    ...Object.keys(Config.shape).filter((key) => key !== "memory" && key !== "context"),
    ...Object.keys(nested),
  ];
  expect(Object.keys(table).toSorted()).toEqual(keys.toSorted());
});
