/** What a pod's token says, as a projected ServiceAccount token of Kubernetes does. */
export interface PodTokenRequest {
  namespace: string;
  pod: { name: string; uid: string };
  serviceAccount: { name: string; uid: string };
  audience: string;
  /** Life in seconds. */
  expirationSeconds: number;
}

/** Signs tokens for pods, in place of the API server. */
export interface PodTokens {
  sign(request: PodTokenRequest): Promise<string>;
}
