import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { KINDS } from "@vextir/operator/kinds.ts";
import { ObjectStore } from "./object-store.ts";
import { StoreFile } from "./store-file.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-store-"));
});
afterEach(() => rm(folder, { recursive: true }));

const bus = (more: object = {}) => ({
  apiVersion: KINDS.EventBus.apiVersion,
  kind: "EventBus",
  metadata: { namespace: "default", name: "default", finalizers: ["streams"] },
  ...more,
});
const key = { namespace: "default", name: "default" };

async function opened() {
  const store = new ObjectStore();
  const errors: unknown[] = [];
  const file = new StoreFile(join(folder, "objects.json"), store, [KINDS.EventBus], (error) =>
    errors.push(error),
  );
  await file.open();
  return { store, file, errors };
}

test("uid, layers, finalizers and the mark of deletion survive; status and other kinds don't", async () => {
  const first = await opened();
  const { metadata } = first.store.apply("folder", KINDS.EventBus, bus());
  first.store.apply("operator", KINDS.EventBus, { ...bus(), spec: { maxEventBytes: "1Mi" } });
  first.store.applyStatus("operator", KINDS.EventBus, { ...bus(), status: { conditions: [] } });
  first.store.apply("me", KINDS.ConfigMap, { apiVersion: "v1", kind: "ConfigMap", metadata: key });
  first.store.delete(KINDS.EventBus, key);
  await first.file.flush();

  const { store } = await opened();
  const again = store.get(KINDS.EventBus, key);
  expect(again).toMatchObject({
    metadata: { uid: metadata.uid, finalizers: ["streams"] },
    spec: { maxEventBytes: "1Mi" },
  });
  expect(again?.metadata.deletionTimestamp).toBeDefined();
  expect(again).not.toHaveProperty("status");
  expect(store.list(KINDS.ConfigMap)).toEqual([]);
  store.apply("folder", KINDS.EventBus, { ...bus(), metadata: key });
  store.apply("operator", KINDS.EventBus, { ...bus(), metadata: key });
  expect(store.get(KINDS.EventBus, key)).toBeUndefined();
});

test("changes reach the file by themselves", async () => {
  const { store, file, errors } = await opened();
  for (let size = 1; size <= 50; size++)
    store.apply("folder", KINDS.EventBus, { ...bus(), spec: { maxEventBytes: `${size}` } });
  await file.flush();
  expect(await readFile(join(folder, "objects.json"), "utf8")).toContain('"maxEventBytes":"50"');
  expect(errors).toEqual([]);
});

test("a file of another format is refused, not overwritten", async () => {
  await writeFile(join(folder, "objects.json"), '{"format":99,"objects":[]}');
  await expect(opened()).rejects.toThrow("format 99");
});
