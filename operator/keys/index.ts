export * from "./key-follower.ts";
export * from "./key-rotations.ts";
export * from "./key-rotator.ts";
export * from "./key-store.ts";
