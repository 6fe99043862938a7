import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { DriverSpec } from "@vextir/api";
import { Config } from "@vextir/driver-context-hub";
import { parse } from "yaml";

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
const read = (file: string) => parse(readFileSync(join(import.meta.dirname, file), "utf8"));

test.each(files)("%s: a valid Driver named as its file, in which nothing is left unread", (file) => {
  const { kind, metadata, spec } = read(file);
  expect([kind, `${metadata.name}.yaml`]).toEqual(["Driver", file]);
  expect(DriverSpec.parse(spec)).toMatchObject(spec);
});

test("the summary is configured as the driver takes it, and what it is made of and kept in is granted", () => {
  const { config, capabilities } = DriverSpec.parse(read("context-hub.yaml").spec);
  const [summary] = Config.parse(config).summaries;
  const granted = capabilities.context.map(({ collection }) => collection);
  expect([...(summary?.collections ?? []), summary?.into]).toEqual(granted);
});
