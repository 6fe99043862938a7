import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { localRelease } from "./release.ts";

const given = { ...process.env };
afterEach(() => {
  process.env = { ...given };
});

test("where traces go is handed on from the CLI's own environment, without what is secret", async () => {
  const bundle = await mkdtemp(join(tmpdir(), "vextir-bundle-"));
  await writeFile(join(bundle, "manifests.json"), "{}");
  Object.assign(process.env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=secret",
    OTEL_SERVICE_NAME: "shell",
  });
  const { telemetry } = await localRelease(bundle, "nats://127.0.0.1:4222");
  expect(telemetry).toEqual({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" });
  await rm(bundle, { recursive: true });
});
