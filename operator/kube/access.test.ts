import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { stringify } from "yaml";
import { openAccess } from "./access.ts";
import { KubeconfigAccess } from "./kubeconfig-access.ts";
import { ServiceAccountAccess } from "./service-account-access.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "vextir-access-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const write = async (name: string, text: string) => {
  await writeFile(join(dir, name), text, { mode: 0o700 });
  return join(dir, name);
};
const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("a pod's ServiceAccount", () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443", HOME: "/nowhere" };
  beforeEach(async () => {
    await write("token", "first\n");
    await write("ca.crt", "CA");
    await write("namespace", "vextir-system");
  });

  test("is found by the kubelet's files", async () => {
    const access = await openAccess({ env, serviceAccountDir: dir });
    expect(access.server.href).toBe("https://10.96.0.1/");
    expect(access.namespace).toBe("vextir-system");
    expect(await access.credentials()).toEqual({
      headers: { authorization: "Bearer first" },
      tls: { ca: "CA" },
    });
  });

  test("its token is read again after a minute, and at once when it was refused", async () => {
    let now = 0;
    const access = new ServiceAccountAccess(env, dir, () => now);
    const token = async () => (await access.credentials()).headers["authorization"];
    expect(await token()).toBe("Bearer first");
    await write("token", "second");
    now = 59_000;
    expect(await token()).toBe("Bearer first");
    now = 60_000;
    expect(await token()).toBe("Bearer second");
    await write("token", "third");
    access.refused();
    expect(await token()).toBe("Bearer third");
  });

  test("IPv6 addresses are written as URLs want them", () => {
    const access = new ServiceAccountAccess({ ...env, KUBERNETES_SERVICE_HOST: "fd00::1" }, dir);
    expect(access.server.href).toBe("https://[fd00::1]/");
  });

  test("comes after KUBECONFIG", async () => {
    const kubeconfig = await write("config", kubeconfigText({ token: "t" }));
    const access = await openAccess({ env: { ...env, KUBECONFIG: kubeconfig }, serviceAccountDir: dir });
    expect(access.server.hostname).toBe("api.example.com");
  });
});

function kubeconfigText(user: object, cluster: object = {}): string {
  return stringify({
    clusters: [{ name: "c", cluster: { server: "https://api.example.com:6443", ...cluster } }],
    users: [{ name: "u", user }],
    contexts: [
      { name: "main", context: { cluster: "c", user: "u", namespace: "team" } },
      { name: "broken", context: { cluster: "absent", user: "u" } },
    ],
    "current-context": "main",
  });
}

describe("a kubeconfig", () => {
  const credentialsOf = async (user: object, cluster?: object) => {
    const access = await openAccess({ kubeconfig: await write("config", kubeconfigText(user, cluster)) });
    return access.credentials();
  };

  test("names server and namespace", async () => {
    const access = await openAccess({ kubeconfig: await write("config", kubeconfigText({})) });
    expect([access.server.href, access.namespace]).toEqual(["https://api.example.com:6443/", "team"]);
  });

  test("certificates", async () => {
    const user = { "client-certificate-data": base64("CERT"), "client-key-data": base64("KEY") };
    const { tls } = await credentialsOf(user, {
      "certificate-authority-data": base64("CA"),
      "tls-server-name": "api",
    });
    expect([tls.ca, tls.cert, tls.key].map(String)).toEqual(["CA", "CERT", "KEY"]);
    expect(tls.servername).toBe("api");
  });

  test("tokens, basic authentication, and a server that is not verified", async () => {
    expect((await credentialsOf({ token: "t" })).headers).toEqual({ authorization: "Bearer t" });
    const basic = await credentialsOf(
      { username: "me", password: "secret" },
      { "insecure-skip-tls-verify": true },
    );
    expect(basic.headers).toEqual({ authorization: `Basic ${base64("me:secret")}` });
    expect(basic.tls.rejectUnauthorized).toBe(false);
  });

  test("exec plugins, which are asked again when their token was refused", async () => {
    const calls = join(dir, "calls");
    const plugin = await write(
      "plugin",
      `#!/bin/sh\necho call >> ${calls}\nn=$(wc -l < ${calls} | tr -d ' ')\n` +
        `printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t%s"}}' "$n"\n`,
    );
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: plugin, interactiveMode: "Never" };
    const kubeconfig = await write("config", kubeconfigText({ exec }));
    let now = 0;
    const access = await KubeconfigAccess.load(kubeconfig, undefined, () => now);
    const token = async () => (await access.credentials()).headers["authorization"];
    expect(await token()).toBe("Bearer t1");
    now = 100_000;
    expect(await token()).toBe("Bearer t1");
    access.refused();
    expect(await token()).toBe("Bearer t2");
    expect((await readFile(calls, "utf8")).split("\n")).toHaveLength(3);
  });

  test("a plugin that fails: Unavailable, and asked again the next time", async () => {
    const exec = { apiVersion: "client.authentication.k8s.io/v1", command: join(dir, "absent") };
    const access = await openAccess({ kubeconfig: await write("config", kubeconfigText({ exec })) });
    for (let i = 0; i < 2; i++) {
      await expect(access.credentials()).rejects.toMatchObject({ name: "ClusterError", code: "Unavailable" });
    }
  });

  const broken = [
    { reason: "absent", text: undefined },
    { reason: "empty", text: "" },
    { reason: "no YAML", text: "{{{" },
    { reason: "a context without its cluster", text: kubeconfigText({}), context: "broken" },
    { reason: "an unknown context", text: kubeconfigText({}), context: "nowhere" },
  ];
  test.each(broken)("that is of no use ($reason): Unavailable", async ({ text, context }) => {
    const kubeconfig = text === undefined ? join(dir, "none") : await write("config", text);
    const opened = openAccess({ kubeconfig, ...(context && { context }) });
    await expect(opened).rejects.toMatchObject({ name: "ClusterError", code: "Unavailable" });
  });
});
