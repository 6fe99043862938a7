import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { DriverSpec } from "@vextir/api";
import { parse } from "yaml";

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
const read = (file: string) => parse(readFileSync(join(import.meta.dirname, file), "utf8"));

test.each(files)("%s: a valid Driver named as its file, in which nothing is left unread", (file) => {
  const { kind, metadata, spec } = read(file);
  expect([kind, `${metadata.name}.yaml`]).toEqual(["Driver", file]);
  expect(DriverSpec.parse(spec)).toMatchObject(spec);
});

test("one writes, one searches, and the others may do nothing in the hub", () => {
  const granted = files.map((file) => {
    const { capabilities } = DriverSpec.parse(read(file).spec);
    return [file, capabilities.context.flatMap(({ collection, verbs }) => [collection, ...verbs])];
  });
  expect(Object.fromEntries(granted)).toEqual({
    "finder.yaml": ["notes", "search"],
    "gateway.yaml": [],
    "keeper.yaml": ["notes", "write"],
    "snoop.yaml": [],
  });
});
