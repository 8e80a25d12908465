import type { z } from 'zod';
import { BatonError } from '../protocol/errors.js';
import { closest } from './closest.js';
import { readValue } from './environment.js';
import { describeIssues } from './issues.js';
import { dotted, type Path } from './problems.js';
import { asWritten, pipelineSchema, schemaOfPipeline } from './schema/pipelines.js';
import { type AnySchema, keysOf, schemaAt } from './schema-path.js';
import type { PipelineSettings } from './types.js';

/** A setting of a pipeline that one run may have otherwise. */
export interface PipelineInput {
  /** As it is written: `threshold`, `tolerance.absolute`. */
  readonly name: string;
  readonly description: string;
  readonly example: string;
}

/**
 * What of a pipeline's settings a run's inputs may override, in the order of the schema, which marks them: those of
 * `po_data_pipeline`; another pipeline has those of them that it has a setting for.
 */
export function pipelineInputs(): readonly PipelineInput[] {
  return inputPaths(pipelineSchema, pipelineSchema, []).map((path) => {
    const { description = '', examples } = metaAt(pipelineSchema, path);
    const [example] = (examples ?? []) as unknown[];
    return { name: dotted(path), description, example: String(example ?? '') };
  });
}

/**
 * The settings with a run's inputs in their place, read and validated like those of the file. Throws
 * ERR_INPUT_INVALID naming every input that is unknown or has no acceptable value; values are never repeated.
 */
export function withInputs(
  pipeline: string,
  settings: PipelineSettings,
  inputs: Readonly<Record<string, string>>,
): PipelineSettings {
  const names = Object.keys(inputs);
  if (names.length === 0) return settings;
  const schema = schemaOfPipeline(pipeline);
  const known = new Map(inputPaths(schema, schema, []).map((path) => [dotted(path), path]));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) throw unknownInputs(pipeline, unknown, [...known.keys()]);
  const tree = structuredClone<Record<string | number, unknown>>(asWritten(settings));
  for (const [name, path] of known) {
    const text = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
    if (text !== undefined) assign(tree, path, readValue(text, schemaAt(schema, path)));
  }
  const parsed = schema.safeParse(tree);
  if (parsed.success) return { ...parsed.data, schedule: settings.schedule };
  const problems = describeIssues(parsed.error, schema, tree);
  throw new BatonError('ERR_INPUT_INVALID', {
    detail: problems
      .map(({ path, message }) => `The input ${dotted(path)} of ${pipeline} ${message}.`)
      .join(' '),
  });
}

function unknownInputs(pipeline: string, unknown: readonly string[], known: readonly string[]): BatonError {
  const each = unknown.map((name) => {
    const near = closest(name, known);
    return `${pipeline} has no input "${name}"${near === null ? '' : `; did you mean "${near}"?`}`;
  });
  const sentences = each.map((text) => (text.endsWith('?') ? text : `${text}.`)).join(' ');
  return new BatonError('ERR_INPUT_INVALID', { detail: `${sentences} There are: ${known.join(', ')}.` });
}

function inputPaths(root: AnySchema, schema: AnySchema, path: Path): readonly Path[] {
  return keysOf(schema).flatMap((key) => {
    const here = [...path, key];
    const child = schemaAt(root, here);
    if (child === null) return [];
    return metaAt(root, here)['perRun'] === true ? [here] : inputPaths(root, child, here);
  });
}

function metaAt(root: AnySchema, path: Path): z.core.GlobalMeta {
  return (schemaAt(root, path) as z.ZodType | null)?.meta() ?? {};
}

/** Every section on the way is there: the tree is a complete one. */
function assign(tree: Record<string | number, unknown>, path: Path, value: unknown): void {
  const section = path
    .slice(0, -1)
    .reduce<Record<string | number, unknown>>((at, key) => at[key] as Record<string | number, unknown>, tree);
  section[path.at(-1) ?? ''] = value;
}
