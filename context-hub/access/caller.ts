/** Who calls: proven by his token. */
export interface Caller {
  tenant: string;
  driver: string;
  /** Of its ServiceAccount; empty for the hub itself. */
  uid: string;
  /** On whose behalf, by the gateway's signed word; empty when nobody was asserted. */
  user: string;
}
