import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { createProducer } from 'tally';
import { startTally } from 'tally/testing';

@Injectable()
export class Tally implements OnApplicationShutdown {
  readonly producer = createProducer({ redis: process.env['REDIS_URL'] ?? '' });
  onApplicationShutdown() {
    return this.producer.close();
  }
}
@Module({ providers: [Tally], exports: [Tally] })
export class TallyModule {}

@Module({ imports: [TallyModule] })
class AppModule {}

const started = await startTally();
process.env['REDIS_URL'] = started.redis;
const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
const { producer } = app.get(Tally);
const outcome = await (await producer.counters.increment({ key: 'visits', by: 5 })).outcome();
await app.close(); // and this process ends, since the producer is closed with it
await started.stop();
if (outcome.status !== 'applied' || outcome.result.value !== 5) {
  throw new Error(JSON.stringify(outcome));
}
const isClosed = await producer.counters.increment({ key: 'visits' }).then(
  () => false,
  () => true,
);
if (!isClosed) {
  throw new Error('the producer is still open');
}
