import type { SalesforceRecord } from '../seed/accounts.js';
import { caseCommentId, caseId, caseNumber } from '../seed/cases.js';
import { type Answer, type Call, json, parseObject, type Route } from '../wire.js';
import type { SalesforceStore } from './store.js';

/** The objects that the sandbox lets be written. */
type Written = 'Case' | 'CaseComment';
const externalIds = ['Baton_Key__c'];
const readOnly = [
  'Id',
  'CaseNumber',
  'CreatedDate',
  'LastModifiedDate',
  'SystemModstamp',
  'IsClosed',
  'ClosedDate',
];
const restricted: Readonly<Record<string, readonly string[]>> = {
  Status: ['New', 'Working', 'Escalated', 'Closed'],
  Priority: ['Low', 'Medium', 'High'],
};
const longest: Readonly<Record<string, number>> = { Subject: 255, Description: 32_000, CommentBody: 4_000 };

export function failed(
  status: number,
  errorCode: string,
  message: string,
  fields?: readonly string[],
): Answer {
  return json(status, [{ message, errorCode, ...(fields === undefined ? {} : { fields }) }]);
}

const missing = (): Answer => failed(404, 'NOT_FOUND', 'The requested resource does not exist');

/** What is wrong with the fields of a write; null when nothing is. */
function refusal(
  object: Written,
  known: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Answer | null {
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name))
      return failed(400, 'INVALID_FIELD', `No such column '${name}' on sobject of type ${object}`);
    if (readOnly.includes(name))
      return failed(400, 'INVALID_FIELD_FOR_INSERT_UPDATE', `Unable to create/update fields: ${name}.`, [
        name,
      ]);
    const words = restricted[name];
    if (words !== undefined && !words.includes(String(value)))
      return failed(
        400,
        'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST',
        `${name}: bad value for restricted picklist field: ${String(value)}`,
        [name],
      );
    const text = String(value ?? '');
    const size = name === 'CommentBody' ? Buffer.byteLength(text) : text.length;
    if (size > (longest[name] ?? Number.POSITIVE_INFINITY))
      return failed(400, 'STRING_TOO_LONG', `${name}: data value too large (max length=${longest[name]})`, [
        name,
      ]);
  }
  return null;
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_sobject_upsert.htm */
export function writeRoutes(store: SalesforceStore, data: string): readonly Route[] {
  const objectOf = (call: Call): Written | null => {
    const { object } = call.params;
    return object === 'Case' || object === 'CaseComment' ? object : null;
  };

  /** A change of state sets what follows from it. */
  function put(object: Written, id: string, given: Readonly<Record<string, unknown>>): void {
    const { Status: status } = given;
    const closes = status === 'Closed';
    const closing =
      object === 'Case' && status !== undefined
        ? { IsClosed: closes, ClosedDate: closes ? store.now() : null }
        : {};
    store.patch(object, { ...(given as SalesforceRecord), ...closing, Id: id });
  }

  function insert(object: Written, given: Readonly<Record<string, unknown>>): Answer | string {
    const index = store.records(object).length;
    const defaults: SalesforceRecord =
      object === 'Case'
        ? {
            ...emptied(store.records('Case')[0]),
            CaseNumber: caseNumber(index),
            Status: 'New',
            Priority: 'Medium',
          }
        : { ...emptied(store.records('CaseComment')[0]), IsPublished: false };
    const id = object === 'Case' ? caseId(store.seed, index) : caseCommentId(store.seed, index);
    if (object === 'CaseComment') {
      const parent = store.find('Case', String(given['ParentId'] ?? ''));
      if (parent === undefined || parent['IsDeleted'] === true)
        return failed(400, 'INVALID_CROSS_REFERENCE_KEY', 'invalid cross reference id', ['ParentId']);
    }
    put(object, id, { ...defaults, ...given });
    return id;
  }

  function created(id: string | Answer): Answer {
    return typeof id === 'string' ? json(201, { id, success: true, errors: [] }) : id;
  }

  function create(call: Call): Answer {
    const object = objectOf(call);
    const given = parseObject(call.body);
    if (object === null) return missing();
    if (given === null) return failed(400, 'JSON_PARSER_ERROR', 'Unexpected content in the request body');
    return refusal(object, fieldsOf(object), given) ?? created(insert(object, given));
  }

  function fieldsOf(object: Written): readonly string[] {
    return Object.keys(store.records(object)[0] ?? {});
  }

  function change(call: Call): Answer {
    const object = objectOf(call);
    const given = parseObject(call.body);
    const record = object === null ? undefined : store.find(object, call.params['id'] ?? '');
    if (object === null || record === undefined) return missing();
    if (given === null) return failed(400, 'JSON_PARSER_ERROR', 'Unexpected content in the request body');
    const no = refusal(object, fieldsOf(object), given);
    if (no !== null) return no;
    put(object, String(record['Id']), given);
    return { status: 204, body: '' };
  }

  /** One with the key is changed, none is made, several are named. */
  function upsert(call: Call): Answer {
    const { field = '', value = '', version = '' } = call.params;
    const given = parseObject(call.body);
    if (call.params['object'] !== 'Case' || !externalIds.includes(field)) return missing();
    if (given === null) return failed(400, 'JSON_PARSER_ERROR', 'Unexpected content in the request body');
    if (field in given)
      return failed(400, 'INVALID_FIELD', `The ${field} field should not be specified in the sobject data.`);
    const no = refusal('Case', fieldsOf('Case'), given);
    if (no !== null) return no;
    const found = store
      .records('Case')
      .filter((one) => one[field] === value && one['IsDeleted'] !== true)
      .map((one) => String(one['Id']));
    const [id, another] = found;
    if (another !== undefined)
      return json(
        300,
        found.map((one) => `/services/data/${version}/sobjects/Case/${one}`),
      );
    if (id === undefined) {
      const made = insert('Case', { ...given, [field]: value });
      return typeof made === 'string'
        ? json(201, { id: made, success: true, errors: [], created: true })
        : made;
    }
    put('Case', id, given);
    return json(200, { id, success: true, errors: [], created: false });
  }

  return [
    { method: 'POST', path: `${data}/sobjects/:object`, handle: create },
    { method: 'PATCH', path: `${data}/sobjects/:object/:id`, handle: change },
    { method: 'PATCH', path: `${data}/sobjects/:object/:field/:value`, handle: upsert },
  ];
}

/** A record of the same fields that says nothing. */
function emptied(record: SalesforceRecord | undefined): SalesforceRecord {
  const fields = Object.entries(record ?? {}).filter(
    ([name]) => !name.endsWith('Date') && name !== 'SystemModstamp',
  );
  return Object.fromEntries(fields.map(([name, value]) => [name, typeof value === 'boolean' ? false : null]));
}
