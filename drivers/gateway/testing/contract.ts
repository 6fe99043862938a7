import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import type { FastifyInstance, InjectOptions } from "fastify";
import { openApi } from "../openapi/document.ts";

interface Operation {
  responses: Record<string, { headers?: Record<string, { required?: boolean }>; content?: object }>;
}
const document = openApi();
const pathItems = document.paths as unknown as Record<string, Record<string, Operation>>;

const METHODS = new Set(["get", "post", "put", "delete", "patch"]);

/** Every documented response: `POST /api/events 202`. */
export const documented = (): string[] =>
  Object.entries(pathItems).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.has(method))
      .flatMap(([method, { responses }]) =>
        Object.keys(responses).map((status) => `${method.toUpperCase()} ${path} ${status}`),
      ),
  );

/** Compares answers with what is documented, and notes which were seen. */
export class Contract {
  readonly seen = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false });

  constructor() {
    formats.default(this.#ajv);
    this.#ajv.addSchema(document, "openapi");
  }

  /** @throws Error when an answer is not as documented. */
  async ask(server: FastifyInstance, path: string, options: InjectOptions) {
    const response = await server.inject({ url: path.replace("{id}", "1"), ...options });
    this.check(`${options.method ?? "GET"} ${path} ${response.statusCode}`, response.headers, response.body);
    return response;
  }

  /** `what` is as in `documented`; of a stream only the headers are looked at. */
  check(what: string, headers: Record<string, unknown>, body?: string): void {
    const [method = "", path = "", status = ""] = what.split(" ");
    const response = pathItems[path]?.[method.toLowerCase()]?.responses[status];
    if (!response) throw new Error(`${what} is not documented: ${body}`);
    for (const [name, { required }] of Object.entries(response.headers ?? {}))
      if (required && headers[name.toLowerCase()] === undefined)
        throw new Error(`${what}: the header ${name} is missing`);
    if (!response.content && body !== undefined && body !== "")
      throw new Error(`${what}: a body is not documented`);
    if (!response.content) {
      this.seen.add(what);
      return;
    }
    const type = String(headers["content-type"]).split(";", 1)[0] ?? "";
    if (!(type in response.content)) throw new Error(`${what}: ${type} is not documented`);
    if (body !== undefined) this.#checkBody(what, ["paths", path, method.toLowerCase(), status, type], body);
    this.seen.add(what);
  }

  #checkBody(what: string, [, path, method, status, type]: string[], body: string): void {
    const parts = ["paths", path, method, "responses", status, "content", type, "schema"];
    const pointer = parts.map((part = "") => part.replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
    const validate = this.#ajv.compile({ $ref: `openapi#/${encodeURI(pointer)}` });
    if (!validate(JSON.parse(body)))
      throw new Error(`${what}: ${this.#ajv.errorsText(validate.errors)} in ${body.slice(0, 500)}`);
  }
}
