import type { FastifyReply, FastifyRequest } from "fastify";
import { Problem } from "../problem.ts";

/**
 * At most `max` requests under way. A place is held from a request's first byte until its events are settled on the bus, which
 * may be after its answer; a request that only waits for what follows holds none.
 */
export class Places {
  readonly #max: number;
  #taken = 0;
  readonly #held = new WeakSet<FastifyRequest>();

  constructor(max: number) {
    this.#max = max;
  }

  /** @throws Problem `Busy` */
  enter(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#taken >= this.#max)
      throw new Problem("Busy", `${this.#max} requests are under way already: try again`);
    this.#taken++;
    this.#held.add(request);
    reply.raw.once("close", () => {
      if (this.#held.delete(request)) this.#taken--;
    });
  }

  /** The place goes over to whoever calls; what is returned gives it back, once. */
  claim(request: FastifyRequest): () => void {
    let held = this.#held.delete(request);
    return () => {
      if (held) this.#taken--;
      held = false;
    };
  }
}
