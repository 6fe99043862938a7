import { kubernetesAssets } from "./kubernetes-assets.ts";
import { natsServer } from "./nats-server.ts";
import { postgres, postgresWithVector } from "./postgres.ts";

/**
 * `node tools/prepare.ts [nats] [kubernetes] [postgres] [postgres-vector]`: gets what tests and the local mode need, and prints where it is.
 * Before the tests, since a first build takes longer than any of them may.
 */
const tools: Record<string, () => Promise<unknown>> = {
  nats: natsServer,
  kubernetes: kubernetesAssets,
  postgres,
  "postgres-vector": postgresWithVector,
};

for (const name of process.argv.length > 2 ? process.argv.slice(2) : Object.keys(tools)) {
  const tool = tools[name];
  if (!tool) throw new TypeError(`"${name}" is none of ${Object.keys(tools).join(", ")}`);
  console.log(name, await tool());
}
