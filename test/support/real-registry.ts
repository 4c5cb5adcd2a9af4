/** Debian's docker-registry on a loopback port, behind a password, and nginx with TLS in front of it; and a push. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { StoredBlob } from './debian-image.js';
import { keepSecret } from './secrets/record.js';

/** Programs that the test needs and this machine has not got. */
export function missingPrograms(names: readonly string[]): string[] {
  return names.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
}

export interface RealRegistry {
  /** `localhost:PORT`. */
  readonly host: string;
  readonly port: number;
  /** The folder below which it keeps blobs. */
  readonly storage: string;
  stop(): Promise<void>;
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Starts docker-registry with Basic authentication (bcrypt) and waits until it listens. */
export async function startRegistry(folder: string, login: Login): Promise<RealRegistry> {
  keepSecret(login.password, 'the password of a registry');
  const port = await freePort();
  const storage = join(folder, 'storage');
  mkdirSync(storage, { recursive: true });
  const users = execFileSync('htpasswd', ['-niB', login.username], { input: login.password });
  writeFileSync(join(folder, 'htpasswd'), users);
  const config = [
    'version: 0.1',
    'log: {level: info}',
    `storage: {filesystem: {rootdirectory: ${storage}}}`,
    `http: {addr: 127.0.0.1:${port}}`,
    `auth: {htpasswd: {realm: test, path: ${join(folder, 'htpasswd')}}}`,
  ].join('\n');
  writeFileSync(join(folder, 'registry.yml'), config);
  const child = spawn('docker-registry', ['serve', join(folder, 'registry.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await untilSaid(child, 'listening on');
  return { host: `localhost:${port}`, port, storage, stop: () => stop(child) };
}

/** Starts nginx with TLS in front of a registry. */
export async function startTlsProxy(
  folder: string,
  registry: RealRegistry,
  tls: { readonly keyFile: string; readonly certFile: string },
): Promise<{ host: string; stop(): Promise<void> }> {
  const port = await freePort();
  const place = (name: string) => join(folder, name);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const config = `
    daemon off; master_process off; worker_processes 1; pid ${place('nginx.pid')};
    events { worker_connections 64; }
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${place(name)};`).join(' ')}
      server {
        listen 127.0.0.1:${port} ssl;
        ssl_certificate ${tls.certFile}; ssl_certificate_key ${tls.keyFile};
        client_max_body_size 0;
        location / {
          proxy_pass http://127.0.0.1:${registry.port};
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-Proto https;
          proxy_buffering off;
        }
      }
    }`;
  writeFileSync(place('nginx.conf'), config);
  const log = place('nginx.log');
  const errors = openSync(log, 'w');
  const child = spawn('nginx', ['-p', folder, '-c', place('nginx.conf'), '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', errors],
  });
  await untilListening(port, child, () => readFileSync(log, 'utf8'));
  return { host: `localhost:${port}`, stop: () => stop(child) };
}

/** Uploads blobs and a manifest, as `docker push` does. */
export async function push(
  registry: RealRegistry,
  login: Login,
  image: { name: string; tag: string; blobs: readonly StoredBlob[]; manifest: StoredBlob },
): Promise<void> {
  const authorization = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
  const base = `http://127.0.0.1:${registry.port}`;
  const put = async (url: string, blob: StoredBlob) => {
    const headers = { authorization, 'content-type': blob.mediaType, 'content-length': blob.size };
    await send('PUT', url, headers, blob.file);
  };
  for (const blob of image.blobs) {
    const uploads = `${base}/v2/${image.name}/blobs/uploads/`;
    const answer = await send('POST', uploads, { authorization, 'content-length': 0 });
    const place = new URL(answer.headers.location ?? '', base);
    place.searchParams.set('digest', blob.digest);
    await put(place.href, { ...blob, mediaType: 'application/octet-stream' });
  }
  await put(`${base}/v2/${image.name}/manifests/${image.tag}`, image.manifest);
}

function send(
  method: string,
  url: string,
  headers: Record<string, string | number>,
  file?: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers }, (answer) => {
      let body = '';
      answer.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      answer.on('end', () => {
        if ((answer.statusCode ?? 500) < 300) resolve(answer);
        else reject(new Error(`${method} ${url}: ${answer.statusCode} ${body}`));
      });
    });
    outgoing.on('error', reject);
    if (file === undefined) outgoing.end();
    else createReadStream(file, { highWaterMark: 1 << 20 }).pipe(outgoing);
  });
}

/** Resolves when the program writes `words` to stderr. */
function untilSaid(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      if (said.includes(words)) return;
      said += chunk.toString();
      if (said.includes(words)) resolve();
    });
    child.on('error', reject);
    child.on('exit', (status) => reject(new Error(`the program ended with ${status}: ${said}`)));
  });
}

/** Resolves when the port takes connections. */
async function untilListening(
  port: number,
  child: ChildProcess,
  complaint: () => string,
): Promise<void> {
  const { connect } = await import('node:net');
  while (child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.on('error', () => setTimeout(resolve, 20, false));
    });
    if (isOpen) return;
  }
  throw new Error(`the program ended with ${child.exitCode}: ${complaint()}`);
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.on('exit', () => resolve());
    child.kill('SIGTERM');
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
