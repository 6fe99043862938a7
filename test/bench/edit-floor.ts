/** The floor: a process with node:https, one watch and server-side apply, nothing else. Arguments: folder of token and ca.crt. */
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { deploymentOf, type EditedDriver } from "./edit-deployment.ts";

const dir = process.argv[2] ?? "";
const agent = new Agent({ keepAlive: true, ca: readFileSync(`${dir}/ca.crt`) });
const authorization = `Bearer ${readFileSync(`${dir}/token`, "utf8")}`;
const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;

function call(method: string, path: string, body?: object) {
  const sent = body && JSON.stringify(body);
  const headers = {
    authorization,
    ...(sent && {
      "content-type": "application/apply-patch+yaml",
      "content-length": Buffer.byteLength(sent),
    }),
  };
  return new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request({ host, port, method, path, headers, agent }, resolve).on("error", reject).end(sent);
  });
}

async function apply(driver: EditedDriver) {
  const { namespace, name } = driver.metadata;
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}?fieldManager=floor&force=true`;
  await text(await call("PATCH", path, deploymentOf(driver)));
}

const drivers = "/apis/vextir.io/v1alpha1/drivers";
const { metadata } = JSON.parse(await text(await call("GET", `${drivers}?limit=1`)));
const watch = await call("GET", `${drivers}?watch=true&resourceVersion=${metadata.resourceVersion}`);
process.stdout.write("ready\n");
let rest = "";
watch.setEncoding("utf8");
for await (const chunk of watch) {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) void apply(JSON.parse(line).object);
}
