import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { API_VERSION, covers, DriverName, DriverSpec, matches } from "@vextir/api";
import { manifestOf } from "@vextir/driver-runtime";
import { parse } from "yaml";
import Assistant from "../../drivers/assistant/index.ts";
import Gateway from "../../drivers/gateway/index.ts";
import Toolbox from "../../drivers/toolbox/index.ts";

const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
const read = (file: string) => parse(readFileSync(join(import.meta.dirname, file), "utf8"));
const specOf = (name: string) => DriverSpec.parse(read(`${name}.yaml`).spec);

test("there are four drivers", () => {
  expect(files.sort()).toEqual(["assistant.yaml", "gateway.yaml", "intruder.yaml", "toolbox.yaml"]);
});

describe.each(files)("%s", (file) => {
  const object = read(file);

  test("is a Driver named as its file", () => {
    expect(object).toMatchObject({ apiVersion: API_VERSION, kind: "Driver" });
    expect(`${DriverName.parse(object.metadata.name)}.yaml`).toBe(file);
  });

  test("has a valid spec, in which nothing is left unread", () => {
    expect(DriverSpec.parse(object.spec)).toMatchObject(object.spec);
  });
});

describe.each([
  { name: "gateway", manifest: manifestOf(Gateway) },
  { name: "assistant", manifest: manifestOf(Assistant) },
  { name: "toolbox", manifest: manifestOf(Toolbox) },
])("the code of $name", ({ name, manifest }) => {
  const spec = specOf(name);

  test("is named in the object, and of its class", () => {
    expect([spec.module, spec.class]).toEqual([manifest.name, manifest.class]);
  });

  test("is granted what it needs", () => {
    const { publish, call, state } = manifest.capabilities;
    const granted = (need: string, grants: string[]) => grants.some((grant) => covers(grant, need));
    for (const type of publish)
      expect([type, granted(type, spec.capabilities.publish)]).toEqual([type, true]);
    for (const method of call)
      expect([method, granted(method, spec.capabilities.call)]).toEqual([method, true]);
    expect(spec.capabilities.state || !state).toBe(true);
  });

  test("handles what it subscribes to", () => {
    for (const type of spec.subscriptions.flatMap(({ types }) => types))
      expect(manifest.subscriptions.map((subscription) => subscription.type)).toContain(type);
  });
});

test("the gateway's configuration fits its code, and its grants", async () => {
  const { Config } = await import("../../drivers/gateway/index.ts");
  const { config, capabilities } = specOf("gateway");
  const { observe, replies } = Config.parse(config);
  expect(capabilities.observe).toEqual(observe);
  for (const type of Object.keys(replies))
    expect(capabilities.publish.some((grant) => matches(grant, type))).toBe(true);
});
