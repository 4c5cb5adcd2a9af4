// Manifests and image facts of any size. The same arguments give the same bytes.
import { createHash } from 'node:crypto';

const IMAGES = 20;
const LAYERS = 6;
/** Pause images of guest azl3, and of others. */
const PAUSE = [
  'mcr.microsoft.com/oss/v2/kubernetes/pause:3.6',
  'mcr.microsoft.com/oss/kubernetes/pause:3.6',
];

const hex = (text) => createHash('sha256').update(text).digest('hex');
const imageName = (index) => `registry.example/team/service-${index % IMAGES}:1.2`;

/** Facts of the images of all manifests made here. */
export function imageFacts() {
  const names = Array.from({ length: IMAGES }, (_, index) => imageName(index));
  const images = [...PAUSE, ...names].map((name) => ({
    references: [name],
    platform: 'linux/amd64',
    config: {
      User: '0',
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
      Entrypoint: ['/usr/bin/service'],
      WorkingDir: '/srv',
    },
    layers: Array.from({ length: LAYERS }, (_, layer) => ({
      diffId: `sha256:${hex(`${name} diff ${layer}`)}`,
      rootHashes: { tarfs: hex(`${name} root ${layer}`) },
      userFiles: [],
    })),
  }));
  return JSON.stringify({ format: 'podseal.image-facts/v1', images });
}

/** One Deployment of `count` containers. */
export function manyContainers(count) {
  return deployment('big', Array.from({ length: count }, (_, index) => container(index)).join(''));
}

/** `count` documents, in turn a Deployment of one container, a Service and a ConfigMap. */
export function manyDocuments(count) {
  const make = [(i) => deployment(`app-${i}`, container(i)), service, configMap];
  const documents = Array.from({ length: count }, (_, index) => make[index % 3](index));
  return documents.join('---\n');
}

function deployment(name, containers) {
  return `# ${name}, written by hand
apiVersion: apps/v1
kind: Deployment
metadata:
  name: ${name}
  namespace: prod
  labels: { app: "${name}" }
spec:
  replicas: 2
  selector:
    matchLabels: { app: "${name}" }
  template:
    metadata:
      labels: { app: "${name}", tier: back }
      annotations:
        team: 'blue'
    spec:
      runtimeClassName: kata-cc-isolation
      containers:
${containers}      volumes:
        - name: scratch
          emptyDir: {}
        - name: config
          configMap: { name: settings }
`;
}

function container(index) {
  return `        - name: c${index}
          image: "${imageName(index)}"
          args: ["--port=$(PORT)", '--name', "c${index}"]
          env:
            - { name: PORT, value: "${8000 + index}" }
            - name: POD_NAME
              valueFrom: { fieldRef: { fieldPath: metadata.name } }
            - name: GREETING # with a reference
              value: hello $(POD_NAME)
            - name: LONG
              value: >-
                some words that
                go over two lines
          ports:
            - containerPort: ${8000 + index}
          resources:
            limits: { cpu: 500m, memory: 256Mi }
          securityContext:
            readOnlyRootFilesystem: true
            allowPrivilegeEscalation: false
            capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] }
          livenessProbe:
            exec: { command: [cat, /tmp/ok] }
          volumeMounts:
            - { name: scratch, mountPath: /scratch }
            - { name: config, mountPath: /etc/service, readOnly: true }
`;
}

function service(index) {
  return `apiVersion: v1
kind: Service
metadata: { name: s-${index} }
spec:
  selector: { app: "app-${index - 1}" }
  ports:
    - port: 80
`;
}

function configMap(index) {
  return `apiVersion: v1
kind: ConfigMap
metadata: { name: cm-${index} }
data:
  key-0: value
  key-1: |
    one
    two
`;
}
