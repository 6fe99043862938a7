import type { FastifyInstance } from "fastify";

export interface RequestLabels {
  /** Empty for one that nothing here is asked by. */
  method: string;
  /** As it is registered, `/api/events/:id`; empty where nothing is. */
  route: string;
  status: number;
}

/** Told of every request that was answered. Clients' own words are no labels: they would be a time series each. */
export type Measured = (labels: RequestLabels, seconds: number) => void;

export function measure(server: FastifyInstance, measured: Measured): void {
  server.addHook("onResponse", async (request, { statusCode: status, elapsedTime }) => {
    const route = request.routeOptions.url ?? "";
    measured({ method: route === "" ? "" : request.method, route, status }, elapsedTime / 1e3);
  });
}
