export * from "./bus/authority.ts";
export * from "./cluster.ts";
export * from "./kinds.ts";
export * from "./workloads.ts";
