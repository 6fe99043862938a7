{{/* Names are fixed: there is one Vextir in a cluster, and the operator's Secrets are found by theirs. */}}

{{/* Not of pods: a new version of the chart alone must restart none. */}}
{{- define "vextir.labels" -}}
app.kubernetes.io/part-of: vextir
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "vextir.operator.selector" -}}
app.kubernetes.io/name: vextir-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vextir.nats.selector" -}}
app.kubernetes.io/name: vextir-nats
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vextir.egress.selector" -}}
app.kubernetes.io/name: vextir-egress
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vextir.hub.selector" -}}
app.kubernetes.io/name: vextir-hub
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "vextir.image" -}}
{{ .root.Values.image.registry }}/{{ .name }}:{{ .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end }}

{{/* Pod Security "restricted", and more: nothing is written but to volumes. */}}
{{- define "vextir.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "vextir.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* Where pods go: on different nodes, as far as there are some. */}}
{{- define "vextir.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- . | nindent 6 }}
{{- end }}

{{- define "vextir.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "vextir.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
- name: {{ . }}
{{- end }}
{{- end }}
{{- end }}
