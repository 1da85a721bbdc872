import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as ask } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { freePorts } from './topology/free-ports.js';
import { until } from './tally.js';

/** What a reverse proxy does with the requests below a path. */
export interface ProxiedPath {
  /** Without a slash at its end. */
  readonly base: string;
  /** Whether it takes the base off, and names it in `X-Forwarded-Prefix`; else it passes the path on as it is. */
  readonly strips: boolean;
}

const NGINX = 'nginx';

/**
 * Serves an origin below a path of another one, until the end of the test: by nginx where it is on the PATH (Debian's package
 * nginx), else by a few lines that do the same.
 *
 * @returns the other origin
 */
export async function startReverseProxy(origin: string, path: ProxiedPath): Promise<string> {
  return spawnSync(NGINX, ['-v']).error === undefined ? startNginx(origin, path) : startOwn(origin, path);
}

async function startNginx(origin: string, { base, strips }: ProxiedPath): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tally-nginx-'));
  const [port = 0] = await freePorts(1);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const settings = `
    daemon off; pid ${folder}/pid; error_log stderr warn;
    events {}
    http {
      access_log off; ${temporary.join(' ')}
      server {
        listen 127.0.0.1:${port};
        location ${base}/ {
          proxy_pass ${origin}${strips ? '/' : ''};
          proxy_set_header Host $http_host;
          proxy_set_header X-Forwarded-Prefix ${strips ? base : '""'};
        }
      }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), settings);
  const nginx = spawn(NGINX, ['-c', join(folder, 'nginx.conf'), '-e', 'stderr'], { stdio: 'ignore' });
  onTestFinished(async () => {
    nginx.kill('SIGTERM');
    await once(nginx, 'exit');
    rmSync(folder, { recursive: true, force: true });
  });
  const site = `http://127.0.0.1:${port}`;
  await until('nginx answers', () =>
    fetch(site).then(
      () => true,
      () => false,
    ),
  );
  return site;
}

async function startOwn(origin: string, { base, strips }: ProxiedPath): Promise<string> {
  const { hostname, port } = new URL(origin);
  const server = createServer((request, response) => {
    const { url = '', method } = request;
    if (!url.startsWith(`${base}/`)) {
      response.writeHead(404).end('another app lives here');
      return;
    }
    const path = strips ? url.slice(base.length) : url;
    const { 'x-forwarded-prefix': _, ...sent } = request.headers;
    const headers = { ...sent, ...(strips && { 'x-forwarded-prefix': base }) };
    const passed = ask({ hostname, port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    request.pipe(passed);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
