import { Draw } from '../rng.js';
import { dayMs, fromMs } from '../seed/frame.js';
import type { Exported } from './exports.js';

/** Keys of the seeded draws. */
const draws = { user: 51, organization: 52 } as const;
const userCount = 230;
const organizationCount = 120;
const firstUser = 380_100;
const firstOrganization = 360_500;

const iso = (second: number) => `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
/** Some share one second of change: a bulk edit. */
const secondOf = (draw: Draw, index: number) =>
  Math.floor(fromMs / 1000) - (index % 5 === 0 ? 0 : draw.int(60, 200 * 86_400));

/** End users and agents; some are deleted, which Zendesk calls not active. */
export function seededUsers(seed: number): readonly Exported[] {
  return Array.from({ length: userCount }, (_, index) => {
    const draw = new Draw(seed, draws.user, index);
    const second = secondOf(draw, index);
    const id = firstUser + index;
    return {
      id,
      second,
      shown: {
        id,
        name: `Zoë Müller ${index + 1}`,
        email: `customer-${index + 1}@example.com`,
        role: draw.chance(0.1) ? 'agent' : 'end-user',
        organization_id: draw.chance(0.7) ? firstOrganization + draw.int(0, organizationCount - 1) : null,
        external_id: draw.chance(0.3) ? `crm-${index + 1}` : null,
        active: index % 30 !== 29,
        suspended: draw.chance(0.02),
        verified: true,
        tags: [],
        user_fields: {},
        created_at: iso(second - draw.int(1, 300) * (dayMs / 1000)),
        updated_at: iso(second),
      },
    };
  });
}

export function seededOrganizations(seed: number): readonly Exported[] {
  return Array.from({ length: organizationCount }, (_, index) => {
    const draw = new Draw(seed, draws.organization, index);
    const second = secondOf(draw, index);
    const id = firstOrganization + index;
    return {
      id,
      second,
      shown: {
        id,
        name: `Organisation ${index + 1}`,
        external_id: null,
        domain_names: draw.chance(0.5) ? [`org-${index + 1}.example.com`] : [],
        tags: draw.chance(0.2) ? ['vip'] : [],
        group_id: null,
        organization_fields: {},
        created_at: iso(second - draw.int(1, 300) * (dayMs / 1000)),
        updated_at: iso(second),
        deleted_at: index % 40 === 39 ? iso(second) : null,
      },
    };
  });
}
