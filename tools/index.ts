export { cached, cacheFolder } from "./cache.ts";
export { go } from "./go.ts";
export { type KubernetesAssets, kubernetesAssets } from "./kubernetes-assets.ts";
export { natsServer } from "./nats-server.ts";
export { postgres, postgresWithVector } from "./postgres.ts";
export { ToolError } from "./tool-error.ts";
export { versions } from "./versions.ts";
