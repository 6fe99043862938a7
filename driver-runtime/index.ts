import "./symbol-metadata.ts";

/** Headers for messages of the raw connection (`driver.bus.connection`). */
export { headers } from "@nats-io/nats-core";
/** What drivers need of the contract. */
export {
  CallPattern,
  CE_PREFIX,
  CloudEvent,
  Duration,
  durationMs,
  EventType,
  EXTENSIONS,
  HANDLINGS_TYPE,
  Handling,
  Handlings,
  MAX_HOPS,
  type Manifest,
  matches,
  partitionOf,
  SPEC_VERSION,
  TOOL_SERVER_METHOD,
  ToolServerReport,
  TypePattern,
} from "@vextir/api";
export { dataSchemaUri, OLDER_VERSION } from "@vextir/api/catalogue/entry.ts";
export { ABOUT_METHOD, About } from "./calls/about.ts";
export type { Call, CallOptions } from "./calls/call.ts";
export type { OfferedTool } from "./calls/offered.ts";
export type {
  ContextChange,
  ContextHub,
  ContextOptions,
  DocumentFilter,
  FoundDocument,
  NewDocument,
  SearchOptions,
  StoredDocument,
  SynthesisPart,
  WrittenDocument,
} from "./context/hub.ts";
export { type UserTrust, userOf } from "./context/user-of.ts";
export { AgentDriver, IODriver, ToolDriver } from "./driver/classes.ts";
export type { CallContext, Context } from "./driver/context.ts";
export { driver, type MethodOptions, method, type OnOptions, on, tool } from "./driver/decorators.ts";
export { type DefineDriverOptions, defineDriver } from "./driver/define-driver.ts";
export type { DriverDefinition, DriverOptions, NeedsInput } from "./driver/definition.ts";
export { type ConfigSchema, Driver } from "./driver/driver.ts";
export { manifestOf } from "./driver/manifest.ts";
export type { Live, Observation, Observe, ObserveOptions, Runtime } from "./driver/runtime.ts";
export {
  DriverError,
  type DriverErrorCode,
  RetryableError,
  type RetryOptions,
  TerminalError,
} from "./errors.ts";
export type {
  Event,
  Lineage,
  LiveMessage,
  Publish,
  Published,
  PublishOptions,
  Replay,
} from "./events/event.ts";
export { rootOf } from "./events/lineage.ts";
export { RegisteredTypes, SchemaViolation } from "./events/registered-types.ts";
export type { Environment } from "./host/environment.ts";
export { type RunningDriver, runDriver } from "./host/run-driver.ts";
export type {
  ChatAnswer,
  ChatMessage,
  ChatRequest,
  ChatTool,
  Model,
  ModelNeed,
  ModelOptions,
  Models,
  ToolCall,
  Usage,
} from "./models/model.ts";
export { retryAfterMsOf } from "./models/overload.ts";
export type { Metrics } from "./observability/metrics.ts";
export type { Once, OnceOptions, State, StateChange, StateEntry, Watch } from "./state/state.ts";
export { plainNames } from "./tools/plain-names.ts";
export type { Tool, Tools } from "./tools/tools.ts";
