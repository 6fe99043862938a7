import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, experimental, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { ServedCertificate } from "@vextir/context-hub/serving/served-certificate.ts";
import { type HubServer, startServer } from "@vextir/context-hub/serving/server.ts";
import { createAuthority, issueCertificate } from "@vextir/operator/tls/issuing.ts";
import { TrustedFile } from "../../../driver-runtime/context/trusted-file.ts";
import { eventually } from "../../fixtures/eventually.ts";

const EVERY_MS = 20;
const names = { dns: ["localhost"], ip: ["127.0.0.1"] };
const told: string[] = [];
const log = {
  info: (_: object, text: string) => void told.push(text),
  warn: (_: object, text: string) => void told.push(text),
};
let folder: string;
let certificate: ServedCertificate;
let server: HubServer;
let client: Client;

const write = (file: string, text: string) => writeFile(join(folder, file), text);

/** The server's files, by an authority of their own. @returns whom to trust */
async function renew(): Promise<string> {
  const authority = await createAuthority("test", Date.now());
  const leaf = await issueCertificate(authority, names, Date.now());
  await Promise.all([write("tls.crt", leaf.certificate), write("tls.key", leaf.privateKey)]);
  return authority.certificate;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-hub-tls-"));
  await write("ca.crt", await renew());
  certificate = new ServedCertificate({ folder, log, everyMs: EVERY_MS });
  server = await startServer({
    implementation: {} as never,
    authenticate: () => Promise.reject(new Error("nobody comes so far")),
    address: "127.0.0.1:0",
    certificate,
  });
  client = newClient();
});
afterAll(async () => {
  client?.close();
  await server?.stop(0);
  certificate?.stop();
  await rm(folder, { recursive: true });
});

/** As a driver's, which looks more often. */
const newClient = () =>
  new Client(
    `localhost:${server.port}`,
    experimental.createCertificateProviderChannelCredentials(
      new TrustedFile(join(folder, "ca.crt"), EVERY_MS),
      null,
    ),
    // Each client has connections of its own.
    { "grpc.use_local_subchannel_pool": 1 },
  );

/** The code of a call of no method: whoever is told so has spoken with the server. */
const code = (by = client) =>
  new Promise<number | undefined>((resolve) => {
    const raw = (bytes: Buffer) => bytes;
    by.makeUnaryRequest("/none", raw, raw, Buffer.alloc(0), { deadline: Date.now() + 5_000 }, (error) =>
      resolve(error?.code),
    );
  });

test("a driver knows the server by the authority in its file", async () => {
  expect(await code()).toBe(status.UNIMPLEMENTED);
});

test("a renewed certificate is shown to who comes anew, and a new authority is trusted when the file names it", async () => {
  const ca = await renew();
  await eventually(() => told.includes("the renewed certificate is in use"));
  const early = newClient();
  expect(await code(early)).toBe(status.UNAVAILABLE);
  expect(await code()).toBe(status.UNIMPLEMENTED);
  await write("ca.crt", ca);
  await eventually(async () => (await code(early)) === status.UNIMPLEMENTED);
  early.close();
});

test("a key that is another's changes nothing", async () => {
  const { privateKey } = await issueCertificate(await createAuthority("x", Date.now()), names, Date.now());
  await write("tls.key", privateKey);
  await eventually(() => told.includes("the certificate could not be renewed; the old one stays"));
  const other = newClient();
  expect(await code(other)).toBe(status.UNIMPLEMENTED);
  other.close();
});

test("without a certificate that can be used a server does not start", () => {
  expect(() => new ServedCertificate({ folder, log })).toThrow();
});
