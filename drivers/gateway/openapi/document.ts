import { paths } from "./paths.ts";
import { schemas } from "./schemas.ts";

/** The OpenAPI 3.1 description of what the gateway serves. */
export const openApi = () => ({
  openapi: "3.1.1",
  info: {
    title: "Vextir gateway",
    version: "0.1.0",
    summary: "Events in by HTTP, and what followed them out.",
    license: { name: "Apache 2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  paths,
  components: {
    schemas,
    securitySchemes: {
      bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
    },
  },
});

/** As it is checked in and served. */
export const openApiText = () => `${JSON.stringify(openApi(), null, 2)}\n`;
