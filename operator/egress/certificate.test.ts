import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { ManualTiming } from "../timing.ts";
import { type Certificate, followCertificate, readCertificate } from "./certificate.ts";

test("a renewed certificate is taken once; one that can't be used changes nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vextir-certificate-"));
  const write = (name: string) =>
    Promise.all(["tls.crt", "tls.key"].map((file) => writeFile(join(folder, file), `${name} ${file}`)));
  await write("first");
  const taken: string[] = [];
  let refused = 0;
  /** As TLS does it: a certificate without its key, as a look in the middle of a change finds it, is refused too. */
  const renewed = ({ cert, key }: Certificate) => {
    if (cert === "bad tls.crt" && key === "bad tls.key") refused += 1;
    const [name] = cert.split(" ");
    if (name === "bad" || key !== `${name} tls.key`) throw new Error("no certificate");
    taken.push(cert);
  };
  const timing = new ManualTiming();
  const stop = new AbortController();
  const log = { info: () => {}, warn: () => {} };
  const following = followCertificate(folder, await readCertificate(folder), renewed, {
    ...{ log, timing, signal: stop.signal },
  });
  /** Time passes; files are read in Node's own. */
  const until = async (done: () => boolean) => {
    while (!done()) {
      await timing.advance(10_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await write("second");
  await until(() => taken.length === 1);
  await write("bad");
  await until(() => refused > 0);
  await write("third");
  await until(() => taken.length === 2);
  stop.abort();
  await following;
  expect(taken).toEqual(["second tls.crt", "third tls.crt"]);
  await rm(folder, { recursive: true });
});
