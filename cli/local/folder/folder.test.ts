import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { KINDS } from "@vextir/operator/kinds.ts";
import { eventually } from "../../../test/fixtures/eventually.ts";
import { admit } from "../admission.ts";
import { ObjectStore } from "../store/object-store.ts";
import { Folder } from "./folder.ts";
import type { Remark } from "./yaml-file.ts";

let path: string;
let store: ObjectStore;
let folder: Folder;
let problems: Remark[];
let notes: Remark[];
let changes: string[];

beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "vextir-folder-"));
  store = new ObjectStore({ admission: admit });
  reset();
});
afterEach(async () => {
  await folder.close();
  await rm(path, { recursive: true, force: true });
});

function reset(): void {
  problems = [];
  notes = [];
  changes = [];
  folder = new Folder({
    path,
    store,
    onProblem: (problem) => problems.push(problem),
    onNote: (note) => notes.push(note),
    onChange: (what, { metadata }) => changes.push(`${what} ${metadata.name}`),
  });
}

const write = (file: string, text: string) => writeFile(join(path, file), text);
const driver = (name: string, more = "") => `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: ${name} }
spec:
  class: Tool
  module: toolbox
${more}`;
const get = (name: string) => store.get(KINDS.Driver, { namespace: "default", name });

test("documents become objects, defaults filled in", async () => {
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: { name: key }\nstringData: { value: s3cret }\n";
  await write("all.yaml", `# a comment alone\n---\n${driver("a")}---\n${secret}---\n`);
  await write(
    "bus.json",
    JSON.stringify({ apiVersion: "vextir.io/v1alpha1", kind: "EventBus", metadata: { name: "default" } }),
  );
  await write("README.md", "# no YAML");
  await folder.open();
  expect(problems).toEqual([]);
  expect(get("a")?.spec).toMatchObject({ replicas: 1, capabilities: { publish: [] } });
  const found = store.get(KINDS.Secret, { namespace: "default", name: "key" });
  expect(found?.data).toEqual({ value: Buffer.from("s3cret").toString("base64") });
  expect(store.get(KINDS.EventBus, { namespace: "default", name: "default" })?.spec.maxEventBytes).toBe(
    "1Mi",
  );
  expect(changes.sort()).toEqual(["created a", "created default", "created key"]);
});

test("an edit changes, a removed document deletes, a new file adds", async () => {
  await write("a.yaml", `${driver("a")}---\n${driver("b")}`);
  await folder.open();
  const uid = get("a")?.metadata.uid;
  await write("a.yaml", driver("a", "  replicas: 3\n"));
  await eventually(() => get("a")?.spec.replicas === 3 && get("b") === undefined);
  expect(get("a")?.metadata).toMatchObject({ uid, generation: 2 });
  await write("c.yml", driver("c"));
  await eventually(() => get("c") !== undefined);
  await rm(join(path, "a.yaml"));
  await eventually(() => get("a") === undefined);
  expect(problems).toEqual([]);
});

describe("a bad file", () => {
  const cases = [
    { reason: "no YAML", text: "kind: [", line: 1, says: "" },
    { reason: "no object", text: "- 1\n", line: 1, says: "apiVersion" },
    {
      reason: "no name",
      text: "\napiVersion: v1\nkind: Secret\nmetadata: {}\n",
      line: 2,
      says: "metadata.name",
    },
    {
      reason: "an unknown field",
      text: driver("a", "  replica: 2\n"),
      line: 7,
      says: "Driver a: spec.replica: unknown field",
    },
    {
      reason: "a wrong value",
      text: driver("a", "  subscriptions:\n    - types: ['a b']\n"),
      line: 8,
      says: "spec.subscriptions[0].types[0]",
    },
    {
      reason: "a missing value",
      text: driver("a").replace("  class: Tool\n", ""),
      line: 4,
      says: "spec.class",
    },
    {
      reason: "another version",
      text: driver("a").replace("v1alpha1", "v9"),
      line: 1,
      says: "expected vextir.io/v1alpha1",
    },
    { reason: "a bad name", text: driver("A_b"), line: 3, says: "metadata.name" },
    { reason: "the second document", text: `${driver("x")}---\nkind: 3\n`, line: 8, says: "apiVersion" },
    {
      reason: "aliases that multiply",
      text: `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c]\n`,
      line: 1,
      says: "alias",
    },
  ];
  test.each(cases)("$reason: says where, and nothing of it is applied", async ({ text, line, says }) => {
    await write("bad.yaml", text);
    await write("good.yaml", driver("good"));
    await folder.open();
    expect(problems[0]?.file).toMatch(/bad\.yaml$/);
    expect(problems[0]).toMatchObject({ line, message: expect.stringContaining(says) });
    expect(store.list(KINDS.Driver).map(({ metadata }) => metadata.name)).toEqual(["good"]);
  });

  test("leaves its last good version standing, is told once, and counts again when it is good", async () => {
    await write("a.yaml", driver("a"));
    await folder.open();
    await write("a.yaml", driver("a", "  replicas: many\n"));
    await eventually(() => problems.length > 0);
    await write("b.yaml", driver("b"));
    await eventually(() => get("b") !== undefined);
    expect(get("a")?.spec.replicas).toBe(1);
    expect(problems).toHaveLength(1);
    await write("a.yaml", driver("a", "  replicas: 2\n"));
    await eventually(() => get("a")?.spec.replicas === 2);
    expect(notes).toEqual([expect.objectContaining({ message: "can be read again" })]);
  });

  test("at the start it deletes nothing that an earlier run applied", async () => {
    await write("a.yaml", driver("a"));
    await folder.open();
    await folder.close();
    reset();
    await write("a.yaml", "kind: [");
    await write("b.yaml", driver("b"));
    await folder.open();
    expect(get("a")).toBeDefined();
    await write("a.yaml", driver("c"));
    await eventually(() => get("c") !== undefined && get("a") === undefined);
  });
});

test("what was removed between runs is deleted at the start", async () => {
  await write("a.yaml", `${driver("a")}---\n${driver("b")}`);
  await folder.open();
  await folder.close();
  reset();
  await write("a.yaml", driver("b"));
  await folder.open();
  expect(store.list(KINDS.Driver).map(({ metadata }) => metadata.name)).toEqual(["b"]);
});

test("a document that comes back while its object is still being deleted makes a new one", async () => {
  await write("a.yaml", driver("a"));
  await write("b.yaml", driver("b"));
  await folder.open();
  const metadata = { namespace: "default", name: "a" };
  const finalizers = ["vextir.io/bus"];
  const { apiVersion, kind } = KINDS.Driver;
  store.apply("operator", KINDS.Driver, { apiVersion, kind, metadata: { ...metadata, finalizers } });
  const uid = get("a")?.metadata.uid;
  await rename(join(path, "a.yaml"), join(path, "a.off"));
  await eventually(() => get("a")?.metadata.deletionTimestamp !== undefined);
  await rename(join(path, "a.off"), join(path, "a.yaml"));
  await write("c.yaml", driver("c"));
  await eventually(() => get("c") !== undefined);
  expect(get("a")?.metadata).toMatchObject({ uid });
  store.apply("operator", KINDS.Driver, { apiVersion, kind, metadata });
  await eventually(() => get("a") !== undefined && get("a")?.metadata.uid !== uid);
});

test("the same object in two files: the first counts, the second is told", async () => {
  await write("a.yaml", driver("a"));
  await write("b.yaml", driver("a", "  replicas: 2\n"));
  await folder.open();
  expect(get("a")?.spec.replicas).toBe(1);
  expect(problems).toEqual([expect.objectContaining({ message: expect.stringContaining("a.yaml:1") })]);
});

test("other kinds are left out, and that is told", async () => {
  await write("a.yaml", `${driver("a")}---\napiVersion: v1\nkind: Service\nmetadata: { name: s }\n`);
  await folder.open();
  expect(notes).toEqual([
    expect.objectContaining({ line: 9, message: expect.stringContaining("kind Service") }),
  ]);
});

test("a folder that is not there, or holds nothing, is an error", async () => {
  await expect(folder.open()).rejects.toMatchObject({ code: "BadFolder" });
  await rm(path, { recursive: true });
  await expect(folder.open()).rejects.toMatchObject({ code: "BadFolder" });
});

test("policies and namespaces belong to no namespace", async () => {
  const policy = (spec: string) =>
    `apiVersion: vextir.io/v1alpha1\nkind: TenantPolicy\nmetadata: { name: few }\nspec: ${spec}\n`;
  const namespace = "apiVersion: v1\nkind: Namespace\nmetadata: { name: team, labels: { tier: low } }\n";
  await write("a.yaml", `${policy("{ classes: [Agent] }")}---\n${namespace}`);
  await folder.open();
  expect(problems).toEqual([]);
  expect(store.get(KINDS.TenantPolicy, { name: "few" })).toMatchObject({
    metadata: { name: "few" },
    spec: { classes: ["Agent"], inlineSource: "Allow" },
  });
  expect(store.get(KINDS.TenantPolicy, { name: "few" })?.metadata.namespace).toBeUndefined();
  expect(store.get(KINDS.Namespace, { name: "team" })?.metadata.labels).toEqual({ tier: "low" });
  await write("a.yaml", policy("{ classes: [Robot] }"));
  await eventually(() => problems.length > 0);
  expect(problems[0]?.message).toContain("TenantPolicy few: spec.classes[0]");
});
