export { compileFilters, type FilterTest } from "./compile.ts";
export { filterProblem } from "./problem.ts";
export { passingTypes } from "./types.ts";
