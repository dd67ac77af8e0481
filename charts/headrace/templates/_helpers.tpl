{{/* Names are fixed: worker pods, KEDA and clients know them, so there is one headrace in a cluster. */}}

{{- define "headrace.labels" -}}
app.kubernetes.io/name: headrace
app.kubernetes.io/component: {{ .part }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_") }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "headrace.selector" -}}
app.kubernetes.io/name: headrace
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "headrace.metadata" -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "headrace.labels" . | nindent 2 }}
{{- end }}

{{- define "headrace.clusterMetadata" -}}
name: {{ .name }}
labels:
  {{- include "headrace.labels" . | nindent 2 }}
{{- end }}

{{- define "headrace.tag" -}}
{{ .Values.images.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "headrace.image" -}}
{{- $images := .root.Values.images -}}
{{ index $images .image | default (printf "%s%s:%s" $images.prefix .image (include "headrace.tag" .root)) }}
{{- end }}

{{- define "headrace.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "headrace.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where a pod may run, from the values of its part. */}}
{{- define "headrace.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "headrace.pullSecrets" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The address of the ledger for one role. */}}
{{- define "headrace.ledgerUrl" -}}
- name: HEADRACE_LEDGER_URL
  valueFrom:
    secretKeyRef:
      name: {{ .root.Values.database.secretName }}
      key: {{ index .root.Values.database.keys .role }}
{{- end }}

{{/* All addresses, for whoever makes the logins be what their roles are. */}}
{{- define "headrace.ledgerUrls" -}}
{{ include "headrace.ledgerUrl" (dict "root" . "role" "owner") }}
{{- range $role := list "gateway" "operator" }}
- name: HEADRACE_LEDGER_{{ upper $role }}_URL
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.database.secretName }}
      key: {{ index $.Values.database.keys $role }}
{{- end }}
{{- end }}

{{- define "headrace.podAnnotations" -}}
{{- with .Values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "headrace.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 1
  failureThreshold: 120
readinessProbe:
  httpGet: {path: /readyz, port: metrics}
  periodSeconds: 2
  failureThreshold: 3
livenessProbe:
  httpGet: {path: /healthz, port: metrics}
  periodSeconds: 10
  failureThreshold: 6
{{- end }}

{{/* The pod of the migration. */}}
{{- define "headrace.migrationPod" -}}
metadata:
  labels:
    {{- include "headrace.selector" (dict "part" "migrate") | nindent 4 }}
  {{- include "headrace.podAnnotations" . | nindent 2 }}
spec:
  restartPolicy: OnFailure
  serviceAccountName: headrace-migrate
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    {{- include "headrace.podSecurity" . | nindent 4 }}
  {{- include "headrace.pullSecrets" . | nindent 2 }}
  containers:
    - name: migrate
      image: {{ include "headrace.image" (dict "root" . "image" "tools") }}
      imagePullPolicy: {{ .Values.images.pullPolicy }}
      command: [python, -m, headrace_ledger.migrate]
      env:
        {{- include "headrace.ledgerUrls" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 64Mi}
        limits: {memory: 256Mi}
      securityContext:
        {{- include "headrace.containerSecurity" . | nindent 8 }}
      volumeMounts:
        - {name: tmp, mountPath: /tmp}
  volumes:
    - name: tmp
      emptyDir:
        sizeLimit: 64Mi
{{- end }}

{{/* A Job cannot be changed, so each version, and each other way to run it, has a Job of its own. */}}
{{- define "headrace.migrationName" -}}
{{- $version := include "headrace.tag" . | lower | replace "." "-" | replace "_" "-" | trunc 30 | trimSuffix "-" }}
{{- printf "headrace-migrate-%s-%s" $version (include "headrace.migrationPod" . | sha256sum | trunc 6) }}
{{- end }}

{{/* Who may read metrics; nobody unless a namespace is named. */}}
{{- define "headrace.metricsFrom" }}
{{- with .Values.networkPolicy.metricsNamespaces }}
- from:
    {{- range . }}
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ . }}}
    {{- end }}
  ports:
    - {port: metrics, protocol: TCP}
{{- end }}
{{- end }}
