export { Controller, type ControllerOptions } from "./controller.ts";
export { type ControllerObserver, controllerMetrics, type Outcome } from "./observer.ts";
export { type ReconcileResult, TerminalError } from "./result.ts";
