import type { Logger } from "pino";
import type { Access } from "./routes.ts";

/** One request and what became of it. */
export interface Audited {
  id: string;
  /** Absent: nobody that the cluster knows. */
  user?: string;
  from: string;
  agent: string;
  access?: Access;
  allowed: boolean;
  status: number;
  reason: string;
  tookMs: number;
}

const FLUSH_MS = 1_000;

/** A line of the log for each request, `audit: true`: who, what, and whether it was allowed. Never a token. */
export class AuditLog {
  readonly #log: Pick<Logger, "info">;
  #limited = 0;
  #flush: NodeJS.Timeout | undefined;

  constructor(log: Pick<Logger, "info">) {
    this.#log = log;
  }

  tell({ access, ...rest }: Audited): void {
    const object = access && {
      verb: access.verb,
      resource: `drivers/${access.subresource}`,
      ...(access.namespace && { namespace: access.namespace }),
      ...(access.name && { name: access.name }),
    };
    this.#log.info({ audit: true, ...rest, ...object }, rest.allowed ? "allowed" : "refused");
  }

  /** Refused for their number alone: one line a second counts them, so that nobody can fill the log. */
  limited(): void {
    this.#limited++;
    this.#flush ??= setTimeout(() => this.close(), FLUSH_MS).unref();
  }

  close(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    if (this.#limited === 0) return;
    const requests = this.#limited;
    this.#limited = 0;
    this.#log.info({ audit: true, requests, allowed: false, status: 429 }, "refused for their number");
  }
}
