/** The words that seeded records are made of. Companies and places only; contacts are functions, not persons. */

export const supplierStems = [
  'Müller',
  'Søndergård',
  'Łódź',
  'Çelik',
  'Ibáñez',
  'Brückner',
  'Håkansson',
  'Zürichsee',
  'Côte d’Or',
  'Nørrebro',
  'Kőszeg',
  'Tōkai',
  'Northwind',
  'Blackfriars',
  'Great Lakes',
  'Sierra',
  'Alföld',
  'Straßburg',
  'Île-de-France',
  'Pärnu',
] as const;
export const supplierTrades = [
  'Werkzeuge',
  'Logistics',
  'Büromöbel',
  'Hydraulics',
  'Messtechnik',
  'Packaging',
  'Kälteanlagen',
  'Cables',
  'Lubricants',
  'Fördertechnik',
] as const;
export const supplierForms = [
  'GmbH',
  'AG',
  'A/S',
  'S.A.',
  'Ltd',
  'Inc.',
  'K.K.',
  'Sp. z o.o.',
  'AB',
  'B.V.',
] as const;

export const customerStems = [
  'Ångström',
  'Bergstraße',
  'Castellón',
  'Dünkirchen',
  'Edinburgh',
  'Füssen',
  'Göteborg',
  'Hradec Králové',
  'Île de Ré',
  'Jönköping',
  'Kraków',
  'León',
  'Malmö',
  'Nîmes',
  'Orléans',
  'Plzeň',
  'Québec',
  'Reykjavík',
  'São Paulo',
  'Tromsø',
  'Überlingen',
  'Västerås',
  'Würzburg',
  'Yverdon',
  'Zürich',
] as const;
export const customerTrades = ['Retail', 'Energy', 'Klinik', 'Foods', 'Rail', 'Telecom'] as const;

export const goods = [
  'Sechskantschrauben M8×40, verzinkt',
  'Hydraulic hose 12 mm',
  'Bürostuhl „Rücken+“',
  'Pallet wrap, 500 m',
  'Kugellager 6204-2RS',
  'Toner, black, 12 000 pages',
  'Safety gloves, size 9',
  'Kühlmittel, 20 l',
  'Patch cable Cat 6A, 5 m',
  'Druckluftfilter',
  'Thermal labels 100×150',
  'Lötzinn, bleifrei',
  'LED panel 600×600',
  'Förderband, 8 m',
  'Smörjfett, 400 g',
] as const;
export const services = [
  'Wartung der Förderanlage, Juni',
  'Freight to Göteborg',
  'Kalibrierung der Messmittel',
  'Site cleaning, June',
  'Übersetzung der Handbücher',
] as const;
export const commodities = [
  'Fasteners',
  'Hydraulics',
  'Office',
  'Packaging',
  'Electrical',
  'Services',
] as const;
export const units = ['EA', 'BX', 'M', 'KG', 'L', 'PK'] as const;

export interface Place {
  readonly city: string;
  readonly street: string;
  readonly postalCode: string;
  readonly country: string;
  readonly countryName: string;
}
export const places: readonly Place[] = [
  {
    city: 'München',
    street: 'Landsberger Straße 155',
    postalCode: '80687',
    country: 'DE',
    countryName: 'Germany',
  },
  {
    city: 'Göteborg',
    street: 'Södra Hamngatan 12',
    postalCode: '411 14',
    country: 'SE',
    countryName: 'Sweden',
  },
  {
    city: 'Zürich',
    street: 'Hardstrasse 201',
    postalCode: '8005',
    country: 'CH',
    countryName: 'Switzerland',
  },
  { city: 'Kraków', street: 'ul. Długa 8', postalCode: '31-146', country: 'PL', countryName: 'Poland' },
  {
    city: 'Portland',
    street: '1120 NW Couch St',
    postalCode: '97209',
    country: 'US',
    countryName: 'United States',
  },
  { city: 'Ōsaka', street: 'Kita-ku Umeda 3-1', postalCode: '530-0001', country: 'JP', countryName: 'Japan' },
  {
    city: 'Bengaluru',
    street: 'Residency Road 44',
    postalCode: '560025',
    country: 'IN',
    countryName: 'India',
  },
];

/** Minutes from UTC in which a record writes its times. The odd ones are rare and real. */
export const offsets: readonly (readonly [number, number])[] = [
  [-420, 60],
  [0, 14],
  [120, 12],
  [330, 5],
  [-210, 3],
  [765, 3],
  [540, 3],
];

export const currencyShares: readonly (readonly [string, number])[] = [
  ['USD', 45],
  ['EUR', 25],
  ['GBP', 8],
  ['JPY', 6],
  ['CHF', 4],
  ['SEK', 4],
  ['PLN', 3],
  ['KWD', 3],
  ['INR', 2],
];

export const statusShares: readonly (readonly [string, number])[] = [
  ['issued', 775],
  ['closed', 120],
  ['draft', 30],
  ['cancelled', 30],
  ['buyer_hold', 10],
  ['supplier_hold', 10],
  ['currency_hold', 5],
  ['supplier_window_hold', 5],
  ['error', 5],
  ['expensed', 10],
];
