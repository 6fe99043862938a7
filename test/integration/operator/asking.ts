import { request } from "node:https";
import { text } from "node:stream/consumers";
import { OPERATOR_API } from "@vextir/api";

export interface ApiAnswer {
  status: number;
  type: string;
  headers: NodeJS.Dict<string | string[]>;
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever was answered
  body: any;
}

/** The name that the API's certificate is for. */
export const apiName = (namespace: string) => `${OPERATOR_API.service}.${namespace}.svc`;

/** One request to the operator's API on a connection of its own. */
export function askApi(
  { port, ca, namespace }: { port: number; ca: string; namespace: string },
  method: string,
  path: string,
  { token, body }: { token?: string | undefined; body?: string } = {},
): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { "content-length": Buffer.byteLength(body) }),
    };
    const where = { host: "127.0.0.1", port, ca, servername: apiName(namespace) };
    const outgoing = request({ ...where, method, path, headers, agent: false }, async (response) => {
      const answer = await text(response);
      const type = response.headers["content-type"] ?? "";
      const parsed = answer === "" ? undefined : JSON.parse(answer);
      resolve({ status: response.statusCode ?? 0, type, headers: response.headers, body: parsed });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
