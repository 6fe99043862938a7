import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { Capabilities, Subscription } from "@vextir/api";
import type { DriverAccess } from "@vextir/operator/bus/authority.ts";
import { busExports, driverExports } from "@vextir/operator/bus/exports.ts";
import { type ImportSources, importsFor } from "@vextir/operator/bus/imports.ts";
import { driverLimits } from "@vextir/operator/bus/limits.ts";
import type { z } from "zod";

const PAGE = join(import.meta.dirname, "../../docs/security.md");

interface Grants {
  capabilities?: z.input<typeof Capabilities>;
  subscription?: z.input<typeof Subscription>;
}

/** Every line of a spec that can bring imports, by itself, for the driver `me` of the namespace `team`. */
const LINES: Record<string, Grants> = {
  "nothing at all": {},
  "publish: [a.b]": { capabilities: { publish: ["a.b"] } },
  "a subscription `default`, from Events": {
    subscription: { types: ["a.b"], delivery: { deadLetter: false } },
  },
  "its `deadLetter: true`": { subscription: { types: ["a.b"] } },
  "a subscription `default`, from Handlings": {
    subscription: { types: ["a.b"], from: "Handlings", delivery: { deadLetter: false } },
  },
  "state: true": { capabilities: { state: true } },
  "call: [x.m]": { capabilities: { call: ["x.m"] } },
  "call: [@shop.x.m], shared": { capabilities: { call: ["@shop.x.m"] } },
  "observe: [a.b]": { capabilities: { observe: ["a.b"] } },
  "observe: [live.x.t]": { capabilities: { observe: ["live.x.t"] } },
  "observe: [@shop.a.b], shared": { capabilities: { observe: ["@shop.a.b"] } },
  "context, models, allowedHosts": {
    capabilities: {
      context: [{ collection: "notes", verbs: ["read"] }],
      models: ["m"],
      allowedHosts: ["example.org"],
    },
  },
};

const sources: ImportSources = {
  bus: "bus of team",
  vextir: "operator",
  driver: (uid) => `driver ${uid}`,
  busOf: (namespace) => `bus of ${namespace}`,
};

const accessOf = ({ capabilities = {}, subscription }: Grants): DriverAccess => ({
  namespace: "team",
  name: "me",
  uid: "me",
  subscriptions: subscription ? [Subscription.parse(subscription)] : [],
  capabilities: Capabilities.parse(capabilities),
  peers: new Map([["x", "x"]]),
  shared: [{ namespace: "shop", types: [">"], methods: ["*.*"], peers: new Map([["x", "shop/x"]]) }],
});

const importsOf = (grants: Grants) =>
  importsFor(accessOf(grants), sources).map(
    ({ type, account, subject, local_subject: local }) =>
      `${type === "stream" ? "subscribe" : "publish"} \`${local}\`${local === subject ? "" : ` = \`${subject}\``} | ${account}`,
  );

/** Rows of the table below the heading, without their last column, which is for people. */
async function rows(heading: string): Promise<string[]> {
  const [, section = ""] = (await readFile(PAGE, "utf8")).split(`\n## ${heading}\n`);
  return (section.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| --"))
    .slice(1)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .map((cells) => {
      expect(cells.at(-1)).not.toBe("");
      return cells.slice(0, -1).join(" | ");
    });
}

describe("docs/security.md says exactly", () => {
  test("what each line of a Driver brings to its account", async () => {
    const always = new Set(importsOf({}));
    const withoutLetters = importsOf(LINES["a subscription `default`, from Events"] ?? {});
    const expected = Object.entries(LINES).flatMap(([line, grants]) => {
      const known = new Set(line === "nothing at all" ? [] : always);
      if (line.startsWith("its ")) for (const one of withoutLetters) known.add(one);
      const brings = importsOf(grants).filter((one) => !known.has(one));
      return (brings.length > 0 ? brings : ["nothing | "]).map((one) => `${line} | ${one}`.trimEnd());
    });
    expect((await rows("What each line of a Driver brings")).map((row) => row.trimEnd())).toEqual(expected);
  });

  test("what accounts offer", async () => {
    const offered = (owner: string, exports: ReturnType<typeof busExports>) =>
      exports.map(
        ({ subject, type }) => `${owner} | ${type === "stream" ? "subscribe" : "publish"} \`${subject}\``,
      );
    const expected = [...offered("bus", busExports()), ...offered("driver x", driverExports("x"))];
    expect(await rows("What accounts offer")).toEqual(expected);
  });

  test("the limits of an account", async () => {
    const { conn, subs, leaf, streams, consumer, disk_storage, mem_storage, disallow_bearer } =
      driverLimits(1);
    const expected = { conn, subs, leaf, streams, consumer, disk_storage, mem_storage, disallow_bearer };
    expect(await rows("Limits of a driver's account")).toEqual([
      "payload | `EventBus.spec.maxEventBytes`",
      ...Object.entries(expected).map(([name, value]) => `${name} | ${value}`),
    ]);
  });
});
