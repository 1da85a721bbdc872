import type { ServerProcess } from './server-process.js';

/** Whether a server is a replica that has caught up with its master's data set and follows it. */
export async function hasReplicaLink(server: ServerProcess): Promise<boolean> {
  const info = String(await server.run('INFO', 'replication'));
  return info.includes('role:slave') && info.includes('master_link_status:up');
}
