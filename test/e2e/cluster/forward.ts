import { type Background, start } from "./program.ts";

export interface ApiProxy extends Background {
  /** URL of a Service, as `<name>:<port's name>`. */
  service(namespace: string, name: string): string;
}

/** The API server's HTTP, without credentials to care for; Services answer under it. */
export async function startApiProxy(): Promise<ApiProxy> {
  const proxy = await start("kubectl", ["proxy", "--port=0"], /127\.0\.0\.1:(\d+)/);
  const service = (namespace: string, name: string) =>
    `http://127.0.0.1:${proxy.match[1]}/api/v1/namespaces/${namespace}/services/${name}/proxy`;
  return { ...proxy, service };
}

/** A local port that leads to a pod's. It ends with the pod. */
export async function forwardPort(
  namespace: string,
  to: string,
  port: number,
): Promise<Background & { port: number }> {
  const args = ["port-forward", "-n", namespace, to, `:${port}`];
  const forward = await start("kubectl", args, /^Forwarding from 127\.0\.0\.1:(\d+)/);
  return { ...forward, port: Number(forward.match[1]) };
}
