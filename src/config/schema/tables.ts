import { z } from 'zod';
import { contractModes } from '../../domain/shape.js';

const words = <T extends string>(...values: readonly [T, ...T[]]) =>
  z.enum(values, { error: `must be ${values.slice(0, -1).join(', ')} or ${values.at(-1)}` });

const column = z
  .string({ error: 'must be the name of a column' })
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, { error: 'must be the name of a column, as the table has it' });

/** How a batch meets what its table holds: the words are those of dlt. */
const write = z
  .strictObject({
    disposition: words('append', 'replace', 'merge')
      .prefault('merge')
      .meta({
        description: 'Add every record, make the table what this run read, or merge by key.',
        examples: ['replace'],
      }),
    strategy: words('upsert', 'delete-insert', 'scd2')
      .optional()
      .meta({
        description:
          'How to merge: the newest version, parents’ rows as a whole, or every version with its time.',
        examples: ['scd2'],
      }),
    mergeKey: column.optional().meta({
      description: 'For delete-insert: the column that rows of one parent share.',
      examples: ['order_id'],
    }),
    deletedColumn: column.optional().meta({
      description: 'For scd2: a true/false column in which the vendor says that a record is deleted.',
      examples: ['is_deleted'],
    }),
  })
  .superRefine((value, context) => {
    const refuse = (key: string, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (value.strategy !== undefined && value.disposition !== 'merge')
      refuse('strategy', 'is for the disposition merge only');
    if (value.mergeKey !== undefined && value.strategy !== 'delete-insert')
      refuse('mergeKey', 'is for the strategy delete-insert only');
    if (value.deletedColumn !== undefined && value.strategy !== 'scd2')
      refuse('deletedColumn', 'is for the strategy scd2 only');
  });

const mode = words(...contractModes);

/** What a change in the vendor's records does to the table: the words are those of dlt. */
const schemaContract = z
  .strictObject({
    columns: mode.prefault('evolve').meta({
      description:
        'A field that was not there before: add a column, stop the load, or discard the record or the value.',
      examples: ['discard_value'],
    }),
    dataType: mode.prefault('evolve').meta({
      description: 'A value of another type than its field had: widen the column, or as above.',
      examples: ['discard_row'],
    }),
    fields: z
      .array(z.strictObject({ name: z.string({ error: 'must be the name of a field' }), mode }), {
        error: 'must be a list of {name, mode}',
      })
      .prefault([])
      .meta({
        description: 'Both for single fields, by the vendor’s names of them.',
        examples: [[{ name: 'risk-score', mode: 'freeze' }]],
      }),
  })
  .prefault({});

/** What a pipeline's settings say of one of its tables. */
export const tableSchema = z.strictObject({ write: write.prefault({}), schemaContract }).prefault({});

/** Of a table that is always merged by upsert. */
export const upsertedTableSchema = z.strictObject({ schemaContract }).prefault({});

export type TableSettings = z.output<typeof tableSchema>;
