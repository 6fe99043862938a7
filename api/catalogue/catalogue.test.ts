import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { EventType } from "../names.ts";
import { breakingChanges } from "./compatibility.ts";
import { refusals } from "./generate.ts";
import { catalogue, catalogueViolation, dataSchemaUri, maybeCatalogued, versionsOf } from "./index.ts";
import { generateSchemas } from "./json-schemas.ts";

const folder = join(import.meta.dirname, "../../schemas");

describe("the catalogue", () => {
  test("every entry is a type of its family, described, with versions from 1 on", async () => {
    const entries = await catalogue();
    for (const { type, version, description } of entries) {
      expect(EventType.safeParse(type).success).toBe(true);
      expect(maybeCatalogued(type)).toBe(true);
      expect(description).toMatch(/\.$/);
      const versions = (await versionsOf(type)).map((each) => each.version);
      expect(versions).toEqual(Array.from(versions, (_, index) => index + 1));
      expect(versions).toContain(version);
    }
    expect(new Set(entries.map(({ type }) => type.split(".")[0])).size).toBe(12);
  });

  test("what is written in schemas/ is what the code says, and compatible with it", async () => {
    const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
    const found = new Map(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));
    const wanted = await generateSchemas();
    expect(refusals(found, wanted)).toEqual([]);
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
    for (const [file, text] of wanted) expect(found.get(file)).toBe(text);
  });

  test("any member left out or of another kind in a released schema is noticed", async () => {
    let changes = 0;
    for (const text of (await generateSchemas()).values()) {
      const before = JSON.parse(text);
      for (const member of Object.keys(before.properties)) {
        const { [member]: gone, ...properties } = before.properties;
        expect(breakingChanges(before, { ...before, properties })).not.toEqual([]);
        const other = { ...before.properties, [member]: { type: "null" } };
        expect(breakingChanges(before, { ...before, properties: other })).not.toEqual([]);
        if (!before.required?.includes(member))
          expect(breakingChanges({ ...before, properties }, before)).toEqual([]);
        changes += gone === undefined ? 0 : 2;
      }
    }
    expect(changes).toBeGreaterThan(400);
  });
});

const person = {
  type: "object",
  properties: { name: { type: "string", maxLength: 10 }, age: { type: "integer" } },
  required: ["name"],
};

describe("within a version", () => {
  test.each<{ reason: string; after: object; breaks?: string }>([
    { reason: "nothing", after: person },
    { reason: "other words", after: { ...person, description: "A person." } },
    {
      reason: "a member that need not be there",
      after: { ...person, properties: { ...person.properties, city: { type: "string" } } },
    },
    {
      reason: "other words of a member",
      after: {
        ...person,
        properties: { ...person.properties, age: { type: "integer", description: "Years." } },
      },
    },
    {
      reason: "a member that must be there",
      after: { ...person, properties: { ...person.properties, city: {} }, required: ["name", "city"] },
      breaks: "data.city must be there now",
    },
    {
      reason: "a member must be there",
      after: { ...person, required: ["name", "age"] },
      breaks: "data.age must",
    },
    { reason: "a member may be missing", after: { ...person, required: [] }, breaks: "data.name need not" },
    {
      reason: "a member is gone",
      after: { ...person, properties: { name: {} } },
      breaks: "data.age is gone",
    },
    {
      reason: "a tighter bound",
      after: { ...person, properties: { ...person.properties, name: { type: "string", maxLength: 9 } } },
      breaks: "data.name: maxLength was 10 and is 9",
    },
    {
      reason: "a looser bound",
      after: { ...person, properties: { ...person.properties, name: { type: "string" } } },
      breaks: "data.name: maxLength was 10 and is absent",
    },
    {
      reason: "another kind",
      after: { ...person, properties: { ...person.properties, age: { type: "string" } } },
      breaks: 'data.age: type was "integer" and is "string"',
    },
    {
      reason: "closed",
      after: { ...person, additionalProperties: false },
      breaks: "data: additionalProperties was absent and is false",
    },
  ])("$reason", ({ after, breaks }) => {
    for (const wrap of [(schema: object) => schema, (items: object) => ({ type: "array", items })]) {
      const changes = breakingChanges(wrap(person) as never, wrap(after) as never);
      if (breaks === undefined) expect(changes).toEqual([]);
      else expect(changes.join("; ").replaceAll("data[items]", "data")).toContain(breaks);
    }
  });

  test("a version that was released stays", () => {
    expect(refusals(new Map([["a.v1.json", "{}"]]), new Map([["a.v2.json", "{}"]]))).toEqual([
      "a.v1.json: a version that was released stays",
    ]);
  });
});

describe("data of a type", () => {
  const message = {
    messageId: "<1@x>",
    from: { address: "ada@example.org" },
    to: [{ address: "bob@example.org", name: "Bob" }],
    receivedAt: "2026-05-01T08:00:00+02:00",
  };

  test.each<{ reason: string; type?: string; dataSchema?: string; data: unknown; field?: string }>([
    { reason: "fits", data: message },
    { reason: "has members of its own", data: { ...message, labels: ["x"] } },
    { reason: "a type that the catalogue has not", type: "email.opened", data: 1 },
    { reason: "a family that it has not", type: "invoice.made", data: 1 },
    { reason: "a name of objects", type: "constructor.x", data: 1 },
    { reason: "names the version", dataSchema: dataSchemaUri("email.received", 1), data: message },
    { reason: "the older platform's", dataSchema: dataSchemaUri("email.received", 0), data: 1 },
    { reason: "lacks a member", data: { ...message, from: undefined }, field: "data.from" },
    { reason: "wrong far inside", data: { ...message, to: [{ address: 1 }] }, field: "data.to.0.address" },
    { reason: "no time", data: { ...message, receivedAt: "today" }, field: "data.receivedAt" },
    { reason: "nothing", data: undefined, field: "data" },
    { reason: "text", data: "x", field: "data" },
    {
      reason: "another schema",
      dataSchema: "https://example.org/x.json",
      data: message,
      field: "dataschema",
    },
    {
      reason: "no such version",
      dataSchema: dataSchemaUri("email.received", 9),
      data: message,
      field: "dataschema",
    },
  ])("$reason", async ({ type = "email.received", dataSchema, data, field }) => {
    const violation = await catalogueViolation(type, dataSchema, data);
    expect(violation?.field).toBe(field);
  });
});
