import type { Operation } from '../operations/operation.js';
import type { Update } from '../operations/update.js';

/** The operation of a union that has this name. */
export type OperationNamed<Known, Name extends string> = Extract<Known, { readonly name: Name }>;

/** The params as a caller writes them, without what has a default. */
export type InputOf<Known> = Known extends Operation<string, infer _Params, infer _Result, infer Input> ? Input : never;

export type ResultOf<Known> = Known extends Operation<string, infer _Params, infer Result> ? Result : never;

/** An update of one of these operations. */
export type UpdateOf<Known extends Operation> = Known extends Operation ? Update<Known['name'], InputOf<Known>> : never;
