import type { Cluster, Redis } from 'ioredis';
import type { ClusterConnection } from './cluster-connection.js';
import type { ServerConnection } from './server-connection.js';

/** Something that runs commands: one server, or a Cluster. */
export type RedisClient = Redis | Cluster;

/** A connection of Tally's. */
export type Connection = ServerConnection | ClusterConnection;
