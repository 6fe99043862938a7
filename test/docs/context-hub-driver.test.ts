import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { DriverSpec } from "@vextir/api";
import { parseYamlFile } from "@vextir/cli/local/folder/yaml-file.ts";
import ContextHubDriver, { Config } from "@vextir/driver-context-hub";
import { Summary } from "@vextir/driver-context-hub/config.ts";
import { manifestOf } from "@vextir/driver-runtime";

const page = await readFile(join(import.meta.dirname, "../../drivers/context-hub/README.md"), "utf8");

test("the README's manifest is taken as it stands, and grants and subscribes to what the code needs", () => {
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const { objects, problems, notes } = parseYamlFile("README.md", yaml);
  expect({ problems, notes }).toEqual({ problems: [], notes: [] });
  const [written] = objects;
  const { config, subscriptions, capabilities } = DriverSpec.parse(
    (written?.object as { spec?: unknown })?.spec,
  );
  expect(Config.safeParse(config).error).toBeUndefined();
  const manifest = manifestOf(ContextHubDriver);
  expect(subscriptions.flatMap(({ types }) => types).toSorted()).toEqual(
    manifest.subscriptions.map(({ type }) => type).toSorted(),
  );
  expect(capabilities).toMatchObject({ publish: manifest.capabilities.publish, state: true });
});

test("its table of the configuration has every key and its default", () => {
  const [, section = ""] = page.split("\n## Configuration\n");
  const rows = [...section.matchAll(/^\| `([\w.[\]]+)` +\| (.*?) *\| /gm)].map(([, key, value]) => [
    key,
    value,
  ]);
  const table = Object.fromEntries(rows);
  const ofSummary = Object.keys(Summary.shape).map((key) => `summaries[].${key}`);
  expect(Object.keys(table).toSorted()).toEqual([...Object.keys(Config.shape), ...ofSummary].toSorted());
  const { trustedPublishers, summaries, ...rest } = Config.parse({});
  expect([table["trustedPublishers"], table["summaries"]]).toEqual([trustedPublishers.join(), "none"]);
  expect(summaries).toEqual([]);
  const { name, collections, ...defaults } = Summary.parse({ name: "a", collections: ["b"] });
  expect([name, collections]).toEqual(["a", ["b"]]);
  const said = {
    ...rest,
    ...Object.fromEntries(Object.entries(defaults).map(([k, v]) => [`summaries[].${k}`, v])),
  };
  for (const [key, value] of Object.entries(said)) expect([key, table[key]]).toEqual([key, String(value)]);
});
