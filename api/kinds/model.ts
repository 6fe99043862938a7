import { z } from "zod";
import { DEFAULT_PORT } from "../hosts.ts";
import { DataKey, ObjectName } from "./driver.ts";
import type { KubeObject } from "./object.ts";
import { ruled } from "./rules.ts";

const OPENAI_ENDPOINT = "https://api.openai.com/v1";

/** US dollars as decimal text: numbers with a point are not the same everywhere. */
const Dollars = z
  .string()
  .max(20)
  .regex(/^\d{1,9}(\.\d{1,6})?$/, "an amount of US dollars such as 0.15");
const count = z.int().min(1).max(1_000_000_000);

const Limits = z.object({
  requestsPerMinute: count.optional().describe("Requests within a minute."),
  tokensPerMinute: count.optional().describe("Tokens within a minute, in and out."),
  dollarsPerDay: Dollars.optional().describe("What it may cost within a day (UTC); needs price."),
});
export type ModelLimits = z.infer<typeof Limits>;

/** A language or embedding model that drivers may be granted: where it is, what it can do, what it costs. */
export const ModelSpec = ruled(
  z.object({
    provider: z
      .enum(["OpenAI", "OpenAICompatible"])
      .describe("OpenAI, or whoever speaks its HTTP API at an endpoint of one's own."),
    endpoint: z
      .string()
      .max(500)
      .regex(
        /^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/,
        "an http or https URL without user, query and fragment, such as https://models.example.org/v1",
      )
      .optional()
      .describe(`Base URL of the API; default of OpenAI: ${OPENAI_ENDPOINT}.`),
    model: z.string().min(1).max(200).describe("The provider's name of the model."),
    kind: z.enum(["Chat", "Embedding"]).default("Chat").describe("What it is for."),
    api: z
      .enum(["ChatCompletions", "Responses"])
      .optional()
      .describe("Which of OpenAI's APIs is spoken; default: Responses with OpenAI, else ChatCompletions."),
    apiKeySecretRef: z
      .object({
        name: ObjectName.describe("Name of the Secret."),
        key: DataKey.default("api-key").describe("Key within the Secret."),
      })
      .optional()
      .describe("A Secret of the same namespace with the key; absent: the endpoint wants none."),
    contextWindow: count.optional().describe("Tokens that a request may have, the answer's included."),
    maxOutputTokens: count.optional().describe("Tokens that an answer may have."),
    dimensions: count.max(16_000).optional().describe("Of an embedding."),
    features: z
      .array(z.enum(["Tools", "Vision", "StructuredOutput"]))
      .max(3)
      .default([])
      .describe("What it can do beside text; drivers choose by it."),
    price: z
      .object({
        inputPerMillionTokens: Dollars.describe("Of what is sent."),
        outputPerMillionTokens: Dollars.default("0").describe("Of what is answered."),
      })
      .optional()
      .describe("In US dollars; costs are counted with it."),
    limits: Limits.extend({
      perUser: Limits.optional().describe("Of each user on whose behalf an event is handled."),
    })
      .optional()
      .describe("What each driver that is granted the model may ask of it, over all its pods."),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(3_600)
      .default(120)
      .describe("Without a sign of life a request is given up."),
  }),
  {
    cel: "self.provider != 'OpenAICompatible' || has(self.endpoint)",
    message: "OpenAICompatible needs an endpoint",
    field: "endpoint",
    holds: ({ provider, endpoint }) => provider !== "OpenAICompatible" || endpoint !== undefined,
  },
  {
    cel: "!has(self.api) || self.kind == 'Chat'",
    message: "api is for models of kind Chat",
    field: "api",
    holds: ({ api, kind }) => api === undefined || kind === "Chat",
  },
);
export type ModelSpec = z.infer<typeof ModelSpec>;

export interface Model extends KubeObject {
  kind: "Model";
  spec: ModelSpec;
}

/** Base URL of the model's API, without a final slash. */
export const modelEndpoint = ({ endpoint = OPENAI_ENDPOINT }: Pick<ModelSpec, "endpoint">) =>
  endpoint.replace(/\/+$/, "");

/** Where the model is reached, as an entry of `allowedHosts` names it: `host:port`. @throws TypeError when the endpoint is no URL. */
export function modelHost(spec: Pick<ModelSpec, "endpoint">): string {
  const { hostname, port, protocol } = new URL(modelEndpoint(spec));
  return `${hostname}:${port || (protocol === "http:" ? 80 : DEFAULT_PORT)}`;
}
