import type { z } from "zod";
import { type ConfigSchema, Driver } from "./driver.ts";

/** Reasons with a model. */
export class AgentDriver<C extends z.ZodType = ConfigSchema> extends Driver<C> {}

/** Offers tools to others. */
export class ToolDriver<C extends z.ZodType = ConfigSchema> extends Driver<C> {}

/** Connects the outside: HTTP, mail, chat, clocks. */
export class IODriver<C extends z.ZodType = ConfigSchema> extends Driver<C> {}
