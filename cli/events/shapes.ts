/** What the ledger answers, as far as it is shown. */
export interface ShownHandling {
  driver: string;
  attempt: number;
  durationMs: number;
  outcome: string;
  reason?: string;
  error?: string;
}

export interface ShownEvent {
  id: string;
  type: string;
  publisher: string;
  storedAt: string;
  userId?: string;
  causationId?: string;
  data?: unknown;
  dataBase64?: string;
  dataOmitted?: boolean;
}

export interface ShownLineage {
  events: (ShownEvent & { handlings: ShownHandling[] })[];
  edges: { from: number; to: number }[];
  focus: number;
  truncated: boolean;
}
