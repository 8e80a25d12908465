import { escapeHtml } from '../page/escape.js';
import type { Comment, Ticket } from './tickets.js';

const brandId = 360_001;
export const botUserId = 380_001;

/** A ticket in the vendor's words. */
export function viewTicket(ticket: Ticket, baseUrl: string): Record<string, unknown> {
  return {
    url: `${baseUrl}/api/v2/tickets/${ticket.id}.json`,
    id: ticket.id,
    external_id: ticket.externalId,
    via: { channel: 'api', source: { from: {}, to: {}, rel: null } },
    created_at: ticket.createdAt,
    updated_at: ticket.updatedAt,
    generated_timestamp: Math.floor(ticket.changedMs / 1000),
    type: ticket.type,
    subject: ticket.subject,
    raw_subject: ticket.subject,
    description: ticket.description,
    priority: ticket.priority,
    status: ticket.status,
    recipient: null,
    requester_id: ticket.requesterId,
    submitter_id: botUserId,
    assignee_id: ticket.assigneeId,
    organization_id: null,
    group_id: ticket.groupId,
    collaborator_ids: [],
    follower_ids: [],
    email_cc_ids: [],
    problem_id: null,
    has_incidents: false,
    is_public: true,
    due_at: null,
    tags: ticket.tags,
    custom_fields: ticket.customFields,
    fields: ticket.customFields,
    satisfaction_rating: { score: 'unoffered' },
    sharing_agreement_ids: [],
    followup_ids: [],
    brand_id: brandId,
    ticket_form_id: null,
    allow_channelback: false,
    allow_attachments: true,
    from_messaging_channel: false,
  };
}

export function viewComment(comment: Comment): Record<string, unknown> {
  return {
    id: comment.id,
    type: 'Comment',
    author_id: botUserId,
    body: comment.body,
    html_body: `<div class="zd-comment" dir="auto">${escapeHtml(comment.body)}</div>`,
    plain_body: comment.body,
    public: comment.public,
    attachments: [],
    audit_id: comment.id + 1,
    via: { channel: 'api', source: { from: {}, to: {}, rel: null } },
    created_at: comment.createdAt,
    metadata: {},
  };
}
