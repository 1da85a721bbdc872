import type { z } from 'zod';
import { inWords } from './schema-words.js';

/** The value as its schema would put it out; undefined when the schema itself has to look. */
export type FastPath<Output> = (value: unknown) => Output | undefined;

/**
 * A quick way through a schema for the values that come all the time. What it accepts, the schema accepts, with an equal
 * output. It refuses nothing: what is not plainly valid is in doubt, and so is all of a schema with a part that is not known
 * here, e.g. a transform. So errors stay the schema's.
 *
 * It is compiled, once, to a function without loops over the schema: four times as fast as closures for its parts, and ten
 * times as fast as zod. Nothing of a value gets into the code, nor does of a schema, but the names of its properties, quoted.
 */
export function fastPathOf<Output>(schema: z.ZodType<Output>): FastPath<Output> {
  let compiled: FastPath<Output> | undefined;
  return (value) => (compiled ??= compile(schema))(value); // with its first value: most processes use few of their schemas
}

function compile<Output>(schema: z.ZodType<Output>): FastPath<Output> {
  const code = new Code();
  if (!addType(code, schema as unknown as Schema, 'value')) {
    return inDoubt;
  }
  try {
    return code.compile() as FastPath<Output>;
  } catch {
    return inDoubt; // where code may not be made of text
  }
}

const inDoubt = () => undefined;

/** The same as `schema.safeParse`, for a value that most often is what {@link fastPathOf} accepts. */
export function parseWithFastPath<Output>(
  schema: z.ZodType<Output>,
  accept: FastPath<Output>,
  value: unknown,
): z.ZodSafeParseResult<Output> {
  const data = accept(value);
  return data === undefined ? schema.safeParse(value, { error: inWords }) : { success: true, data };
}

type Schema = z.core.$ZodTypes;
type Check = z.core.$ZodChecks;

/** Those whose values are put out as they come. */
const SIMPLE_TYPES: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'enum', 'literal']);

/** The text of a function, and what it uses by name. Any `return;` in it is doubt. */
class Code {
  readonly #lines: string[] = [];
  readonly #constructors: string[] = [];
  readonly #constants: unknown[] = [];
  readonly #within = new Set<Schema>();
  #variables = 0;

  /** @returns false also for a schema within itself */
  within(schema: Schema, add: () => boolean): boolean {
    if (this.#within.has(schema)) {
      return false;
    }
    this.#within.add(schema);
    const isKnown = add();
    this.#within.delete(schema);
    return isKnown;
  }

  add(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  doubtUnless(condition: string): void {
    this.add(`if (!(${condition})) return;`);
  }

  constant(value: unknown): string {
    return `constant${this.#constants.push(value) - 1}`;
  }

  /**
   * A constructor of plain objects with these properties, in this order. Literals would do, but V8 notes of each literal how long its
   * objects live, and puts them among the old ones for good when those of a first burst live long: see
   * docs/decisions/23-last-third.md.
   *
   * @param names quoted
   */
  constructorOf(names: readonly string[]): string {
    const constructor = this.variable();
    const parameters = names.map((_, index) => `property${index}`);
    const body = names.map((name, index) => `this[${name}] = property${index};`);
    this.#constructors.push(
      `function ${constructor}(${parameters.join(', ')}) { ${body.join(' ')} }`,
      `${constructor}.prototype = Object.prototype;`,
    );
    return constructor;
  }

  variable(): string {
    this.#variables += 1;
    return `value${this.#variables}`;
  }

  compile(): unknown {
    const names = this.#constants.map((_, index) => `constant${index}`);
    const text = `'use strict'; ${this.#constructors.join('\n')} return (value) => { ${this.#lines.join('\n')}\nreturn value; };`;
    // eslint-disable-next-line @typescript-eslint/no-implied-eval, @typescript-eslint/no-unsafe-call -- see above; zod does so, too
    return new Function(...names, text)(...this.#constants);
  }
}

/**
 * Code for a value in a variable, which it puts into the form of the output.
 *
 * @returns false when a part of the schema is not known here
 */
function addType(code: Code, schema: Schema, variable: string): boolean {
  return (
    code.within(schema, () => addBareType(code, schema, variable)) &&
    checksOf(schema).every((check) => addCheck(code, check, variable))
  );
}

function addBareType(code: Code, schema: Schema, variable: string): boolean {
  const { def } = schema._zod;
  code.doubtUnless(`${variable} !== undefined`);
  switch (def.type) {
    case 'unknown':
    case 'custom':
      return true;
    case 'string':
    case 'boolean':
      code.doubtUnless(`typeof ${variable} === '${def.type}'`);
      return !('coerce' in def);
    case 'number':
      code.doubtUnless(`Number.isFinite(${variable})`);
      return !('coerce' in def);
    case 'enum':
      code.doubtUnless(`${code.constant(new Set(Object.values(def.entries)))}.has(${variable})`);
      return Object.values(def.entries).every((value) => typeof value === 'string'); // else some are names
    case 'literal':
      code.doubtUnless(`${code.constant(new Set(def.values))}.has(${variable})`);
      return true;
    case 'object':
      return addObject(code, def, variable);
    case 'array':
      return addArray(code, def, variable);
    case 'optional':
    case 'default':
      return addType(code, def.innerType as Schema, variable);
    default:
      return false;
  }
}

/** A number or text of a format, and what `z.custom` makes, are checks themselves. */
function checksOf(schema: Schema): readonly Check[] {
  const { def, traits } = schema._zod;
  return [...(traits.has('$ZodCheck') ? [schema] : []), ...(def.checks ?? [])] as unknown as Check[];
}

function addCheck(code: Code, check: Check, variable: string): boolean {
  const { def } = check._zod;
  switch (def.check) {
    case 'number_format':
      code.doubtUnless(`Number.isSafeInteger(${variable})`);
      return def.format === 'safeint';
    case 'greater_than':
      code.doubtUnless(`${variable} ${def.inclusive ? '>=' : '>'} ${Number(def.value)}`);
      return typeof def.value === 'number';
    case 'less_than':
      code.doubtUnless(`${variable} ${def.inclusive ? '<=' : '<'} ${Number(def.value)}`);
      return typeof def.value === 'number';
    case 'min_length':
      code.doubtUnless(`${variable}.length >= ${def.minimum}`);
      return true;
    case 'max_length':
      code.doubtUnless(`${variable}.length <= ${def.maximum}`);
      return true;
    default:
      return addCustomCheck(code, check, variable);
  }
}

/** What `refine` and `superRefine` leave. */
function addCustomCheck(code: Code, check: Check, variable: string): boolean {
  const { def } = check._zod as unknown as { def: z.core.$ZodCheckDef & { fn?: unknown } };
  if (def.check !== 'custom' || def.when !== undefined) {
    return false;
  }
  const passes = (value: unknown): boolean => {
    const payload: z.core.ParsePayload = { value, issues: [] };
    const promise = check._zod.check(payload as z.core.ParsePayload<never>);
    return promise === undefined && payload.issues.length === 0 && payload.value === value;
  };
  code.doubtUnless(`${code.constant(def.fn ?? passes)}(${variable}) === true`);
  return true;
}

function addArray(code: Code, { element }: z.core.$ZodArrayDef, variable: string): boolean {
  const [items, item, index] = [code.variable(), code.variable(), code.variable()];
  code.doubtUnless(`Array.isArray(${variable})`);
  code.add(`const ${items} = [];`, `for (let ${index} = 0; ${index} < ${variable}.length; ${index} += 1) {`);
  code.add(`let ${item} = ${variable}[${index}];`);
  const isKnown = addType(code, element as Schema, item);
  code.add(`${items}.push(${item});`, '}', `${variable} = ${items};`);
  return isKnown;
}

/** Each property is read once. Unknown ones, and those that are there but undefined, are in doubt. */
function addObject(code: Code, { shape }: z.core.$ZodObjectDef, variable: string): boolean {
  const properties = Object.entries(shape).map(([name, schema]) => {
    return { name: JSON.stringify(name), schema: schema as Schema, value: code.variable() };
  });
  // What objects inherit could not be set in a process that has frozen it.
  const inherits = Object.keys(shape).some((name) => name in Object.prototype);
  const isKnown = !inherits && Object.getOwnPropertySymbols(shape).length === 0;
  const output = code.variable();
  code.doubtUnless(`typeof ${variable} === 'object' && ${variable} !== null && !Array.isArray(${variable})`);
  code.add(...properties.map(({ name, value }) => `let ${value} = ${variable}[${name}];`));
  code.add(`for (const name in ${variable}) switch (name) {`);
  code.add(...properties.map(({ name, value }) => `case ${name}: if (${value} === undefined) return; break;`));
  code.add('default: return; }');
  const always: { name: string; value: string }[] = [];
  const perhaps: string[] = [];
  for (const { name, schema, value } of properties) {
    const { def } = schema._zod;
    if (def.type === 'optional') {
      addOptional(code, schema, def.innerType, value);
      perhaps.push(`if (${value} !== undefined) ${output}[${name}] = ${value};`);
    } else if (addDefault(code, schema, value) && addType(code, schema, value)) {
      always.push({ name, value });
    } else {
      return false;
    }
  }
  const constructor = code.constructorOf(always.map(({ name }) => name));
  const values = always.map(({ value }) => value).join(', ');
  code.add(`const ${output} = new ${constructor}(${values});`, ...perhaps, `${variable} = ${output};`);
  return isKnown;
}

/** One of a type that is not known here may still be missing. */
function addOptional(code: Code, schema: Schema, innerType: z.core.$ZodType, variable: string): void {
  code.add(`if (${variable} !== undefined) {`);
  const isKnown = addType(code, schema, variable);
  code.add(isKnown ? '}' : 'return; }', innerType._zod.optin === undefined ? '' : 'else return;');
}

/** Zod puts a default out as it is, and reads it each time: it may come from a function. */
function addDefault(code: Code, schema: Schema, variable: string): boolean {
  const { def } = schema._zod;
  if (def.type !== 'default') {
    return true;
  }
  code.add(`if (${variable} === undefined) ${variable} = ${code.constant(def)}.defaultValue;`);
  return SIMPLE_TYPES.has(def.innerType._zod.def.type);
}
