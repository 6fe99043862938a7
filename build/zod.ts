// The one copy of zod that inline sources and built-in drivers share with the runtime.
export * from "zod";
export { z as default } from "zod";
