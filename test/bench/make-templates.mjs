// ARM templates of any size, and facts of their images. The same arguments give the same bytes.
import { createHash } from 'node:crypto';

const IMAGES = 20;
const LAYERS = 6;
const CONTAINERS = 3;

const hex = (text) => createHash('sha256').update(text).digest('hex');
const imageName = (index) => `registry.example/team/service-${index % IMAGES}:1.2`;

/** Facts of the images of all templates made here. */
export function templateFacts() {
  const images = Array.from({ length: IMAGES }, (_, index) => ({
    references: [imageName(index)],
    platform: 'linux/amd64',
    config: {
      User: '1000',
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG=C.UTF-8'],
      Entrypoint: ['/usr/bin/service'],
      WorkingDir: '/srv',
    },
    layers: Array.from({ length: LAYERS }, (_, layer) => ({
      rootHashes: { ext4: hex(`${index} root ${layer}`) },
    })),
  }));
  return JSON.stringify({ format: 'podseal.image-facts/v1', images });
}

/** A template of `count` container groups with parameters, variables and expressions. */
export function manyGroups(count) {
  const resources = Array.from({ length: count }, (_, group) => ({
    type: 'Microsoft.ContainerInstance/containerGroups',
    apiVersion: '2023-05-01',
    name: `[format('{0}-${group}', parameters('prefix'))]`,
    location: '[resourceGroup().location]',
    properties: {
      osType: 'Linux',
      sku: 'Confidential',
      confidentialComputeProperties: { isolationType: 'SevSnp', ccePolicy: '' },
      containers: Array.from({ length: CONTAINERS }, (_, i) => container(group * CONTAINERS + i)),
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  }));
  const images = Object.fromEntries(
    Array.from({ length: IMAGES }, (_, i) => [`image${i}`, imageName(i)]),
  );
  return JSON.stringify(
    {
      $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
      contentVersion: '1.0.0.0',
      parameters: { prefix: { type: 'string', defaultValue: 'app' } },
      variables: { ...images, level: 'info' },
      resources,
    },
    undefined,
    2,
  );
}

function container(index) {
  return {
    name: `service-${index}`,
    properties: {
      image: `[variables('image${index % IMAGES}')]`,
      command: ['/usr/bin/service', '--index', String(index)],
      environmentVariables: [
        { name: 'LEVEL', value: "[variables('level')]" },
        { name: 'NAME', value: "[parameters('prefix')]" },
      ],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
      resources: { requests: { cpu: 1, memoryInGB: 1.5 } },
    },
  };
}
