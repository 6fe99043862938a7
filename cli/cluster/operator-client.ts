import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { isIP } from "node:net";
import { text } from "node:stream/consumers";
import { AUTHORITY_CONFIG_MAP, OPERATOR_API, Problem } from "@vextir/api";
import { HttpClient, KubeApi, openAccess } from "@vextir/operator/kube/index.ts";
import { OperatorError } from "./operator-error.ts";
import { forwardToOperator } from "./port-forward.ts";
import { userToken } from "./user-token.ts";

export interface ClusterOptions {
  kubeconfig?: string;
  context?: string;
  /** Default `vextir-system`. */
  operatorNamespace?: string;
  /** URL of the operator's API; default: a port forward. */
  server?: string;
  /** PEM of whom to trust; default: what the ConfigMap `vextir-ca` of the operator's namespace says. */
  caFile?: string;
  /** Whose token to show, `<namespace>/<name>`; default: the kubeconfig's user. */
  serviceAccount?: string;
}

interface Where {
  host: string;
  port: number;
  servername: string;
  ca: string;
  token: string;
}

const TIMEOUT_MS = 20_000;
const MAX_ATTEMPTS = 5;

/** Runs `work` with the operator of a cluster. @throws OperatorError, ClusterError; what `work` throws */
export async function withOperator<T>(
  options: ClusterOptions,
  work: (operator: OperatorClient) => Promise<T>,
): Promise<T> {
  const operator = await OperatorClient.open(options);
  try {
    return await work(operator);
  } finally {
    await operator.close();
  }
}

/** The operator of a cluster. Close it. */
export class OperatorClient {
  readonly #where: Where;
  readonly close: () => Promise<void>;

  private constructor(where: Where, close: () => Promise<void>) {
    this.#where = where;
    this.close = close;
  }

  /** @throws OperatorError, ClusterError */
  static async open(options: ClusterOptions): Promise<OperatorClient> {
    const { kubeconfig, context, operatorNamespace: namespace = "vextir-system", server } = options;
    const access = await openAccess({ ...(kubeconfig && { kubeconfig }), ...(context && { context }) });
    const api = new KubeApi(new HttpClient(access, { userAgent: "vextir" }));
    try {
      const token = await userToken(access, api, options.serviceAccount);
      const ca = options.caFile ? await readFile(options.caFile, "utf8") : await authority(api, namespace);
      const own = `${OPERATOR_API.service}.${namespace}.svc`;
      if (server === undefined) {
        const { port, stop } = await forwardToOperator({ kubeconfig, context, namespace });
        return new OperatorClient({ host: "127.0.0.1", port, servername: own, ca, token }, stop);
      }
      const { hostname, port } = new URL(server);
      const servername = isIP(hostname) ? own : hostname;
      return new OperatorClient(
        { host: hostname, port: Number(port || 443), servername, ca, token },
        async () => {},
      );
    } finally {
      api.close();
    }
  }

  /** The parsed answer. What the operator is too busy for is asked again. @throws OperatorError */
  async ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      const { status, retryAfter, json } = await this.#send(method, path, body);
      if (status < 300) return json;
      const problem = Problem.safeParse(json).data;
      const passes = (status === 429 || status === 503) && attempt < MAX_ATTEMPTS;
      if (!passes) throw new OperatorError("Refused", problem?.detail ?? `the operator answered ${status}`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(retryAfter, 5) * 1_000));
    }
  }

  #send(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ status: number; retryAfter: number; json: unknown }> {
    const { token, ...where } = this.#where;
    const sent = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${token}`,
        "user-agent": "vextir",
        ...(sent !== undefined && { "content-length": Buffer.byteLength(sent) }),
      };
      const failed = (cause: Error) =>
        reject(
          new OperatorError("Unreachable", `the operator can't be reached: ${cause.message}`, { cause }),
        );
      const signal = AbortSignal.timeout(TIMEOUT_MS);
      const outgoing = request({ ...where, method, path, headers, agent: false, signal }, (response) => {
        text(response).then((answer) => {
          const retryAfter = Number(response.headers["retry-after"] ?? 1);
          resolve({ status: response.statusCode ?? 0, retryAfter, json: parsed(answer) });
        }, failed);
      });
      outgoing.on("error", failed);
      outgoing.end(sent);
    });
  }
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}

async function authority(api: KubeApi, namespace: string): Promise<string> {
  const { name, key } = AUTHORITY_CONFIG_MAP;
  const found = (await api.call("GET", `/api/v1/namespaces/${namespace}/configmaps/${name}`)) as {
    data?: Record<string, string>;
  };
  const pem = found.data?.[key];
  if (pem) return pem;
  throw new OperatorError(
    "Unreachable",
    `the ConfigMap ${namespace}/${name} has no ${key}: is the operator there?`,
  );
}
