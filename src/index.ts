export { createProducer } from './producers/producer.js';
export type { Producer } from './producers/producer.js';
export type { ProducerOptions } from './producers/producer-options.js';
export type { KeyQuestion, RecordedUpdate } from './producers/find-by-key.js';
export { NotCancellableError } from './producers/not-cancellable.js';
export { NotRevertibleError } from './producers/not-revertible.js';
export type { RevertOptions } from './producers/revert.js';
export type { FoundUpdate } from './producers/find-update.js';
export type { ScheduleRequest } from './producers/check-schedule.js';
export type { PutOptions, Schedules } from './producers/schedules.js';
export type { ScheduleRun } from './jobs/schedule.js';
export type { Schedule } from './readers/read-schedules.js';
export type { SubmitOptions } from './producers/shortcuts.js';
export type { OutcomeOptions, Submission } from './producers/submission.js';
export type { Trace } from './producers/trace.js';
export { createReader } from './readers/reader.js';
export type {
  RankOptions,
  Reader,
  ReaderOptions,
  ReservationsOptions,
  SumOptions,
  TopOptions,
} from './readers/reader.js';
export type { Leaderboard, MemberRank, RankedMember } from './readers/leaderboard.js';
export type { BucketSum, BucketValue } from './readers/sum-buckets.js';
export type { CellReading } from './readers/read-cells.js';
export type { Reservation, Reservations } from './readers/read-reservations.js';
export type { Change } from './readers/read-history.js';
export { createMetrics } from './metrics/metrics.js';
export type { Metrics, MetricsOptions } from './metrics/metrics.js';
export { createWorker } from './workers/worker.js';
export type { CompletedJob, TallyWorker, WorkerOptions } from './workers/worker.js';
export { createSubscriber } from './subscribers/subscriber.js';
export type { TallySubscriber } from './subscribers/subscriber.js';
export type { SubscriberOptions } from './subscribers/subscriber-options.js';
export type { CellChange, OutcomeData, OutcomeEvent, OutcomeEventOf, Status } from './subscribers/event.js';
export type { Delivery } from './subscribers/event-handler.js';
export type { Crossing, OutcomeFilter } from './subscribers/filter.js';
export type { Gap } from './subscribers/gap.js';
export type { DeadLetter, DeadLetters } from './subscribers/dead-letters.js';
export type { TellOutcomes } from './workers/tell-outcomes.js';
export { cellObject, distinctCells, ttlSeconds, wholeNumber } from './operations/cell-schema.js';
export type { Cell } from './redis/cell.js';
export { defineOperation } from './operations/operation.js';
export type { History, Inverse, Operation, OperationDefinition, Rejection } from './operations/operation.js';
export type { Outcome, Reason } from './operations/outcome.js';
export { withHistory } from './operations/registry.js';
export type { BuiltInOperation } from './operations/registry.js';
export type { Update } from './operations/update.js';
export * from './errors.js';
