import { z } from "zod";

export const Config = z.object({
  url: z
    .url({ protocol: /^https?$/ })
    .max(500)
    .describe("Of the MCP server: streamable HTTP."),
  credential: z
    .string()
    .min(1)
    .max(16_384)
    .optional()
    .describe("By configSecretRefs: sent with every request, as its file is then."),
  header: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,100}$/, "a name of a header")
    .default("Authorization")
    .describe("That carries the credential."),
  scheme: z
    .string()
    .max(50)
    .regex(/^[A-Za-z0-9-]*$/, "letters, digits and '-'")
    .default("Bearer")
    .describe("Stands before the credential; empty: nothing does."),
  tools: z
    .array(z.string().min(1).max(200))
    .max(200)
    .optional()
    .describe("Of the server's tools, by its names, those that are offered; absent: all."),
  timeoutSeconds: z
    .int()
    .min(1)
    .max(600)
    .default(60)
    .describe("A call that takes longer is given up, also where its caller would wait."),
  maxAnswerBytes: z
    .int()
    .min(1_024)
    .max(16_777_216)
    .default(1_048_576)
    .describe(
      "A larger answer of the server is not read to its end; the bus takes 1 MiB if not said otherwise.",
    ),
});
export type Config = z.infer<typeof Config>;
