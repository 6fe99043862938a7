import { connect as connectTcp } from "node:net";
import { text } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { API_AUDIENCE } from "@vextir/api";
import type { Operator } from "@vextir/operator/operator.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { apiName, askApi } from "./asking.ts";
import { SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;
let ca: string;
/** A replica that doesn't lead. */
let follower: Operator;
let followed: Promise<unknown>;
const lines: string[] = [];

beforeAll(async () => {
  world = await World.start({ logTo: lines });
  namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", {
    class: "IO",
    module: "gateway",
    capabilities: { publish: ["a.b"] },
  });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  follower = world.newOperator({ pod: "vextir-operator-1" });
  followed = follower.run();
  await eventually(async () => world.operator?.apiPort && follower.apiPort, "the API is served");
  ca = await eventually(async () => {
    return (await world.get("v1", "configmaps", SYSTEM, "vextir-ca"))?.data["ca.crt"];
  }, "whom to trust");
});
afterAll(async () => {
  await follower?.stop();
  await followed;
  await world?.stop();
});

const servername = apiName(SYSTEM);

const ask = (
  method: string,
  path: string,
  {
    at = world.operator,
    ...rest
  }: { token?: string | undefined; body?: string; at?: Operator | undefined } = {},
) => askApi({ port: at?.apiPort ?? 0, ca, namespace: SYSTEM }, method, path, rest);

/** Somebody with a token for this API, and these rights on `drivers/<subresource>` (in the namespace, or everywhere). */
async function person(
  name: string,
  rules: { verb: string; subresource: string; everywhere?: boolean }[],
  audiences: readonly string[] | undefined = [API_AUDIENCE],
): Promise<string> {
  const token = await world.api.token({ namespace, name, ...(audiences && { audiences }) });
  for (const everywhere of [false, true]) {
    const wanted = rules.filter((rule) => (rule.everywhere ?? false) === everywhere);
    const scope = everywhere ? "" : `/namespaces/${namespace}`;
    const kind = everywhere ? "ClusterRole" : "Role";
    const api = `/apis/rbac.authorization.k8s.io/v1${scope}`;
    await world.api.request("POST", `${api}/${kind.toLowerCase()}s`, {
      metadata: { name: `${name}-${namespace}` },
      rules: wanted.map(({ verb, subresource }) => ({
        apiGroups: ["vextir.io"],
        resources: [`drivers/${subresource}`],
        verbs: [verb],
      })),
    });
    await world.api.request("POST", `${api}/${kind.toLowerCase()}bindings`, {
      metadata: { name: `${name}-${namespace}` },
      roleRef: { kind, name: `${name}-${namespace}`, apiGroup: "rbac.authorization.k8s.io" },
      subjects: [{ kind: "ServiceAccount", name, namespace }],
    });
  }
  return token;
}

const capabilities = () => `/v1/namespaces/${namespace}/drivers/gateway/capabilities`;
const VIEW = [{ verb: "get", subresource: "capabilities" }];
const audited = () => lines.map((line) => JSON.parse(line)).filter((line) => line.audit);

describe("capabilities", () => {
  test("whoever may get drivers/capabilities is told, by each replica", async () => {
    const token = await person("viewer", VIEW);
    for (const at of [world.operator, follower]) {
      const { status, body } = await eventually(async () => {
        const answer = await ask("GET", capabilities(), { token, at });
        return answer.status !== 403 && answer;
      }, "the role is known");
      expect(status).toBe(200);
      expect(body).toMatchObject({ namespace, name: "gateway", isAdmitted: true });
      expect(body.grants[0]).toMatchObject({ line: "spec.capabilities.publish[0]", value: "a.b" });
    }
    const absent = `/v1/namespaces/${namespace}/drivers/nobody/capabilities`;
    expect(await ask("GET", absent, { token })).toMatchObject({
      status: 404,
      type: "application/problem+json",
      body: { reason: "NotFound", status: 404 },
    });
  });

  test("in another namespace, and for something else, the same person is refused with what is missing", async () => {
    const token = await person("viewer", VIEW);
    const other = await world.api.namespace();
    const elsewhere = await ask("GET", `/v1/namespaces/${other}/drivers/gateway/capabilities`, { token });
    expect(elsewhere).toMatchObject({ status: 403, body: { reason: "Forbidden" } });
    expect(elsewhere.body.detail).toContain(`can't get drivers/capabilities "gateway"`);
    for (const path of [`/v1/namespaces/${namespace}/drivers/gateway/keys:rotate`, "/v1/keys:rotate"])
      expect((await ask("POST", path, { token })).status).toBe(403);
  });
});

describe("who is nobody is told nothing", () => {
  const wrong: [string, () => Promise<string | undefined>][] = [
    ["no token", async () => undefined],
    ["nonsense", async () => "nonsense"],
    ["a token for the bus", () => person("viewer", VIEW, ["vextir-bus"])],
    ["a token of a pod for another audience", () => person("viewer", VIEW, ["other"])],
    ["a changed token", async () => `${(await person("viewer", VIEW)).slice(0, -6)}AAAAAA`],
    ["an expired token", async () => expired(await person("viewer", VIEW))],
  ];
  test.each(wrong)("%s", async (_reason, make) => {
    const answer = await ask("GET", capabilities(), { token: await make() });
    expect(answer).toMatchObject({ status: 401, body: { reason: "Unauthenticated" } });
    expect(answer.headers["www-authenticate"]).toBe('Bearer realm="vextir"');
  });

  test("a token for the API server itself, as kubectl shows it, is taken", async () => {
    const token = await person("viewer", VIEW, undefined);
    expect((await ask("GET", capabilities(), { token })).status).toBe(200);
  });

  test("nobody is served in the clear, or trusted by another name", async () => {
    const port = world.operator?.apiPort ?? 0;
    const socket = connectTcp(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
    expect(await text(socket)).not.toContain("HTTP/1.1 2");
    const tls = connectTls({ port, host: "127.0.0.1", ca, servername: "elsewhere.example" });
    await expect(
      new Promise((resolve, reject) => tls.on("error", reject).on("secureConnect", resolve)),
    ).rejects.toThrow();
  });
});

/** The API server's own signature, and a time that is over: made anew it would be refused for the signature. */
async function expired(token: string): Promise<string> {
  const [header = "", payload = ""] = token.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const { createSign } = await import("node:crypto");
  const { readFile } = await import("node:fs/promises");
  const old = { ...claims, iat: claims.iat - 7_200, nbf: claims.nbf - 7_200, exp: claims.iat - 3_600 };
  const body = `${header}.${Buffer.from(JSON.stringify(old)).toString("base64url")}`;
  const key = await readFile(`${world.api.dir}/sa.key`, "utf8");
  const signed = `${body}.${createSign("RSA-SHA256").update(body).sign(key).toString("base64url")}`;
  // The same claims with their own time are good: it is the time that is refused.
  const again = `${header}.${payload}`;
  const good = `${again}.${createSign("RSA-SHA256").update(again).sign(key).toString("base64url")}`;
  expect((await ask("GET", capabilities(), { token: good })).status).toBe(200);
  return signed;
}

describe("keys", () => {
  const rotate = (everywhere = false) => [{ verb: "create", subresource: "rotatekeys", everywhere }];

  async function ended(path: string, token: string) {
    return eventually(async () => {
      const { status, body } = await ask("GET", path, { token });
      expect(status).toBe(200);
      return body.state !== "Running" && body;
    }, "the rotation ended");
  }

  test("a tenant's owner rotates a driver's and the tenant's, at a replica that does not lead", async () => {
    const token = await person("owner", rotate());
    const open = await world.connectAs(namespace, "gateway");
    for (const path of ["drivers/gateway/keys:rotate", "keys:rotate"]) {
      const begun = await eventually(async () => {
        const answer = await ask("POST", `/v1/namespaces/${namespace}/${path}`, { token, at: follower });
        return answer.status === 202 && answer;
      }, "taken note of");
      const state = await ended(`/v1/namespaces/${namespace}/rotations/${begun.body.id}`, token);
      expect(state).toMatchObject({ state: "Done" });
    }
    await open.close();
    await (await world.connectAs(namespace, "gateway")).close();
    expect((await ask("POST", "/v1/keys:rotate", { token, body: '{"kind":"operator"}' })).status).toBe(403);
  });

  test("what belongs to no tenant takes the right for the whole cluster", async () => {
    const token = await person("platform", rotate(true));
    const post = (body?: string) =>
      ask("POST", "/v1/keys:rotate", { token, ...(body !== undefined && { body }) });
    await eventually(async () => (await post()).status === 400, "the role is known");
    for (const body of ['{"kind":"everything"}', '{"kind":"operator","x":1}', "{", "[]"])
      expect(await post(body)).toMatchObject({ status: 400, body: { reason: "BadRequest" } });
    const announced = await post('{"kind":"authority"}');
    expect(announced).toMatchObject({ status: 202, body: { what: "authority" } });
    expect(await post('{"kind":"authority"}')).toMatchObject({ status: 409, body: { reason: "Busy" } });
    const { status, body } = await post('{"kind":"operator"}');
    expect(status).toBe(202);
    expect(await ended(`/v1/rotations/${body.id}`, token)).toMatchObject({ what: "operator" });
  });
});

describe("bounds", () => {
  test("a body that is too large is refused unread", async () => {
    const token = await person("platform", []);
    const body = `{"kind":"${"x".repeat(20_000)}"}`;
    expect(await ask("POST", "/v1/keys:rotate", { token, body })).toMatchObject({
      status: 413,
      body: { reason: "TooLarge" },
    });
  });

  test("who sends his headers a byte at a time is cut off", async () => {
    const began = Date.now();
    const where = { port: world.operator?.apiPort ?? 0, host: "127.0.0.1", ca, servername };
    const socket = connectTls(where, () => socket.write("GET /v1/x HTTP/1.1\r\n"));
    const drip = setInterval(() => socket.write("x"), 200);
    socket.on("error", () => {});
    const heard = await text(socket).catch(() => "");
    clearInterval(drip);
    expect(heard).not.toContain("200 OK");
    expect(Date.now() - began).toBeLessThan(PROMPTLY_MS);
  });

  test("one user's requests beyond the rate wait, and another's don't", async () => {
    const [many, other] = [await person("many", []), await person("other", [])];
    // The faster they are asked, the sooner: a busy machine may need more than one crowd.
    const limited = await eventually(async () => {
      const crowd = Array.from({ length: 100 }, () => ask("GET", "/v1/x", { token: many, at: follower }));
      return (await Promise.all(crowd)).find(({ status }) => status === 429);
    });
    expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
    expect((await ask("GET", "/v1/x", { token: other, at: follower })).status).toBe(404);
  });
});

test("each request is written down, and no token is", async () => {
  const token = await person("viewer", VIEW);
  await ask("GET", capabilities(), { token });
  await ask("POST", "/v1/keys:rotate", { token });
  await ask("GET", capabilities());
  const user = `system:serviceaccount:${namespace}:viewer`;
  const [allowed, refused, nobody] = audited().slice(-3);
  expect(allowed).toMatchObject({
    ...{ user, verb: "get", resource: "drivers/capabilities", namespace, name: "gateway" },
    ...{ allowed: true, status: 200, reason: "Answered" },
  });
  expect(refused).toMatchObject({ user, resource: "drivers/rotatekeys", allowed: false, status: 403 });
  expect(nobody).toMatchObject({ allowed: false, status: 401, reason: "Unauthenticated" });
  expect(nobody.user).toBeUndefined();
  await eventually(
    async () => audited().some(({ status, requests }) => status === 429 && requests > 0),
    "those beyond the rate are counted",
  );
  // Neither this one nor any other's signature.
  const all = lines.join("");
  expect(all).not.toContain(token.split(".")[2]);
  expect(all).not.toMatch(/eyJ[A-Za-z0-9_-]{20,}\./);
});
