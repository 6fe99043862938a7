import "../symbol-metadata.ts";

export { TestKit, type TestKitOptions, testKit, type WaitOptions } from "./kit.ts";
export { NatsProcess } from "./nats-process.ts";
export type { DeadLetterRecord } from "./recording.ts";
