import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';

// What these manifests use of Kubernetes' API. Every object is strict, so a misspelled member is refused: the API server ignores it.

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/);
const app = z.strictObject({ app: name });
const matchApp = z.strictObject({ matchLabels: app });
const portNumber = z.int().min(1).max(65_535);
const quantity = z.string().regex(/^\d+(m|Mi|Gi)?$/);
const meta = z.strictObject({ name });

const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.enum(['/healthz', '/readyz']), port: z.literal('http') }),
  periodSeconds: z.int().min(1),
  timeoutSeconds: z.int().min(1).default(1),
  failureThreshold: z.int().min(1),
});

const container = z.strictObject({
  name,
  // A version, so that a restart never changes what runs.
  image: z.string().regex(/:(?!latest$)[\w.-]+$/),
  command: z.tuple([z.literal('node'), z.string()]),
  env: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  ports: z.tuple([z.strictObject({ name: z.literal('http'), containerPort: portNumber })]),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  resources: z.strictObject({
    requests: z.strictObject({ cpu: quantity, memory: quantity }),
    limits: z.strictObject({ memory: quantity }),
  }),
  securityContext: z.strictObject({
    allowPrivilegeEscalation: z.literal(false),
    readOnlyRootFilesystem: z.literal(true),
    capabilities: z.strictObject({ drop: z.tuple([z.literal('ALL')]) }),
  }),
});

const deployment = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata: meta,
  spec: z.strictObject({
    selector: matchApp,
    strategy: z.strictObject({ rollingUpdate: z.strictObject({ maxSurge: z.int(), maxUnavailable: z.literal(0) }) }),
    template: z.strictObject({
      metadata: z.strictObject({ labels: app }),
      spec: z.strictObject({
        automountServiceAccountToken: z.literal(false),
        terminationGracePeriodSeconds: z.int().min(1),
        securityContext: z.strictObject({
          runAsNonRoot: z.literal(true),
          runAsUser: z.int().min(1),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        topologySpreadConstraints: z.array(
          z.strictObject({
            maxSkew: z.int().min(1),
            topologyKey: z.literal('topology.kubernetes.io/zone'),
            whenUnsatisfiable: z.enum(['ScheduleAnyway', 'DoNotSchedule']),
            labelSelector: matchApp,
          }),
        ),
        containers: z.tuple([container]),
      }),
    }),
  }),
});

const service = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata: meta,
  spec: z.strictObject({
    clusterIP: z.literal('None').optional(),
    selector: app,
    ports: z.tuple([z.strictObject({ name: z.literal('http'), port: portNumber, targetPort: z.literal('http') })]),
  }),
});

const autoscaler = z.strictObject({
  apiVersion: z.literal('autoscaling/v2'),
  kind: z.literal('HorizontalPodAutoscaler'),
  metadata: meta,
  spec: z.strictObject({
    scaleTargetRef: z.strictObject({ apiVersion: z.literal('apps/v1'), kind: z.literal('Deployment'), name }),
    minReplicas: z.int().min(2),
    maxReplicas: z.int().min(2),
    metrics: z.tuple([
      z.strictObject({
        type: z.literal('Pods'),
        pods: z.strictObject({
          metric: z.strictObject({ name: z.string() }),
          target: z.strictObject({ type: z.literal('AverageValue'), averageValue: quantity }),
        }),
      }),
    ]),
  }),
});

const disruptionBudget = z.strictObject({
  apiVersion: z.literal('policy/v1'),
  kind: z.literal('PodDisruptionBudget'),
  metadata: meta,
  spec: z.strictObject({ minAvailable: z.int().min(1), selector: matchApp }),
});

const peer = z.union([
  z.strictObject({ podSelector: matchApp }),
  z.strictObject({
    namespaceSelector: z.strictObject({ matchLabels: z.strictObject({ 'kubernetes.io/metadata.name': name }) }),
  }),
]);
const policyPort = z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: portNumber });

const networkPolicy = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata: meta,
  spec: z.strictObject({
    podSelector: matchApp,
    policyTypes: z.tuple([z.literal('Ingress'), z.literal('Egress')]),
    ingress: z.array(z.strictObject({ from: z.array(peer).min(1), ports: z.array(policyPort).min(1) })),
    egress: z.array(z.strictObject({ to: z.array(peer).min(1), ports: z.array(policyPort).min(1) })),
  }),
});

/** The manifests of one file, each kind once. @throws {ZodError} with the path of a member that is wrong, missing or unknown */
export function readManifests(file: string) {
  const documents = parseAllDocuments(readFileSync(new URL(`../kubernetes/${file}`, import.meta.url), 'utf8'));
  const [first, second, third, fourth, fifth, ...others] = documents.map((document) => document.toJS());
  z.tuple([]).parse(others);
  return {
    deployment: deployment.parse(first),
    service: service.parse(second),
    autoscaler: autoscaler.parse(third),
    disruptionBudget: disruptionBudget.parse(fourth),
    networkPolicy: networkPolicy.parse(fifth),
  };
}
