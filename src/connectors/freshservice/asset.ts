import type { Column, Mapped } from '../../domain/columns.js';
import { mapRecord } from '../record.js';

export const assetColumns = [
  { name: 'asset_id', type: 'text', description: 'the display id, by which it is asked for' },
  { name: 'internal_id', type: 'text', nullable: true },
  { name: 'name', type: 'text', nullable: true },
  { name: 'asset_tag', type: 'text', nullable: true },
  { name: 'asset_type_id', type: 'text', nullable: true },
  { name: 'impact', type: 'text', nullable: true },
  { name: 'usage_type', type: 'text', nullable: true },
  { name: 'user_id', type: 'text', nullable: true },
  { name: 'department_id', type: 'text', nullable: true },
  { name: 'location_id', type: 'text', nullable: true },
  { name: 'assigned_on', type: 'timestamp', nullable: true },
  { name: 'created_at', type: 'timestamp', nullable: true },
  { name: 'updated_at', type: 'timestamp' },
] as const satisfies readonly Column[];

export function mapAsset(record: Buffer): Mapped {
  return mapRecord(record, 'display_id', (asset, reader) => ({
    kind: 'row',
    row: {
      asset_id: reader.id(asset, 'display_id'),
      internal_id: reader.optionalId(asset, 'id'),
      name: reader.optionalText(asset, 'name'),
      asset_tag: reader.optionalText(asset, 'asset_tag'),
      asset_type_id: reader.optionalId(asset, 'asset_type_id'),
      impact: reader.optionalText(asset, 'impact'),
      usage_type: reader.optionalText(asset, 'usage_type'),
      user_id: reader.optionalId(asset, 'user_id'),
      department_id: reader.optionalId(asset, 'department_id'),
      location_id: reader.optionalId(asset, 'location_id'),
      assigned_on: reader.optionalInstant(asset, 'assigned_on'),
      created_at: reader.optionalInstant(asset, 'created_at'),
      updated_at: reader.instant(asset, 'updated_at'),
    },
  }));
}
