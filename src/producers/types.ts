import type { Operation } from '../operations/operation.js';
import type { TRANSACTION } from '../operations/transaction.js';
import type { Update } from '../operations/update.js';
import type { Submission } from './submission.js';

/** The operation of a union that has this name. */
export type OperationNamed<Known, Name extends string> = Extract<Known, { readonly name: Name }>;

/** The params as a caller writes them, without what has a default. */
export type InputOf<Known> = Known extends Operation<string, infer _Params, infer _Result, infer Input> ? Input : never;

type ResultOf<Known> = Known extends Operation<string, infer _Params, infer Result> ? Result : never;

/** The codes with which an operation can be rejected. */
type CodeOf<Known> =
  Known extends Operation<string, infer _Params, infer _Result, infer _Input, infer Code> ? Code : never;

/** The operations that a transaction may contain. */
export type SingleName<Known extends Operation> = Exclude<Known['name'], typeof TRANSACTION>;

/** What a transaction holds of an update: it has no idempotency key of its own. */
type StepNamed<Known extends Operation, Name extends string> = Name extends string
  ? { readonly operation: Name; readonly params: InputOf<OperationNamed<Known, Name>> }
  : never;

/** The updates of a transaction, by the names of their operations. */
export type StepsNamed<Known extends Operation, Names extends readonly string[]> = {
  readonly [Place in keyof Names]: StepNamed<Known, Names[Place]>;
};

/** The params of an update by the name of its operation. */
type ParamsNamed<Known extends Operation, Name extends string> = Name extends typeof TRANSACTION
  ? { readonly updates: readonly StepNamed<Known, SingleName<Known>>[] }
  : InputOf<OperationNamed<Known, Name>>;

type UpdateNamed<Known extends Operation, Name extends string> = Name extends string
  ? Update<Name, ParamsNamed<Known, Name>>
  : never;

/** Updates by the names of their operations. */
export type UpdatesNamed<Known extends Operation, Names extends readonly string[]> = {
  readonly [Place in keyof Names]: UpdateNamed<Known, Names[Place]>;
};

/** An update of one of these operations. */
export type UpdateOf<Known extends Operation> = UpdateNamed<Known, Known['name']>;

type ResultNamed<Known extends Operation, Name extends string> = Name extends typeof TRANSACTION
  ? { readonly results: readonly ResultOf<OperationNamed<Known, SingleName<Known>>>[] }
  : ResultOf<OperationNamed<Known, Name>>;

/** The results of the updates of a transaction, in their order. */
export interface StepResults<Known extends Operation, Names extends readonly string[]> {
  readonly results: { readonly [Place in keyof Names]: ResultOf<OperationNamed<Known, Names[Place]>> };
}

/** The codes with which one of these operations can be rejected; a transaction with those of its updates. */
export type CodeNamed<Known extends Operation, Name extends string> = CodeOf<
  OperationNamed<Known, Name extends typeof TRANSACTION ? SingleName<Known> : Name>
>;

/** What comes of submitting an update by the name of its operation. */
export type SubmissionNamed<Known extends Operation, Name extends string> = Name extends string
  ? Submission<ResultNamed<Known, Name>, CodeNamed<Known, Name>>
  : never;

export type SubmissionsNamed<Known extends Operation, Names extends readonly string[]> = {
  -readonly [Place in keyof Names]: SubmissionNamed<Known, Names[Place]>;
};
