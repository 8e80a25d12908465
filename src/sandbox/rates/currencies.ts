/** Units of a currency per one euro around which the sandbox's rates move. */
export interface CurrencyInfo {
  readonly name: string;
  readonly perEuro: number;
  readonly decimals: number;
}

/**
 * What the rates service quotes: the European Central Bank's list, and KWD besides, so that a currency with
 * three decimals can be converted. EUR is the base and quotes as 1.
 */
export const quotedCurrencies: Readonly<Record<string, CurrencyInfo>> = {
  AUD: { name: 'Australian Dollar', perEuro: 1.66, decimals: 2 },
  BRL: { name: 'Brazilian Real', perEuro: 6.21, decimals: 2 },
  CAD: { name: 'Canadian Dollar', perEuro: 1.58, decimals: 2 },
  CHF: { name: 'Swiss Franc', perEuro: 0.93, decimals: 2 },
  CNY: { name: 'Chinese Renminbi Yuan', perEuro: 8.12, decimals: 2 },
  CZK: { name: 'Czech Koruna', perEuro: 24.4, decimals: 2 },
  DKK: { name: 'Danish Krone', perEuro: 7.46, decimals: 2 },
  GBP: { name: 'British Pound', perEuro: 0.86, decimals: 2 },
  HKD: { name: 'Hong Kong Dollar', perEuro: 8.95, decimals: 2 },
  HUF: { name: 'Hungarian Forint', perEuro: 388, decimals: 2 },
  IDR: { name: 'Indonesian Rupiah', perEuro: 18900, decimals: 2 },
  ILS: { name: 'Israeli New Shekel', perEuro: 3.88, decimals: 2 },
  INR: { name: 'Indian Rupee', perEuro: 101.5, decimals: 2 },
  ISK: { name: 'Icelandic Króna', perEuro: 143, decimals: 0 },
  JPY: { name: 'Japanese Yen', perEuro: 172, decimals: 0 },
  KRW: { name: 'South Korean Won', perEuro: 1640, decimals: 0 },
  KWD: { name: 'Kuwaiti Dinar', perEuro: 0.354, decimals: 3 },
  MXN: { name: 'Mexican Peso', perEuro: 21.4, decimals: 2 },
  MYR: { name: 'Malaysian Ringgit', perEuro: 4.86, decimals: 2 },
  NOK: { name: 'Norwegian Krone', perEuro: 11.7, decimals: 2 },
  NZD: { name: 'New Zealand Dollar', perEuro: 1.98, decimals: 2 },
  PHP: { name: 'Philippine Peso', perEuro: 67.3, decimals: 2 },
  PLN: { name: 'Polish Złoty', perEuro: 4.25, decimals: 2 },
  RON: { name: 'Romanian Leu', perEuro: 5.07, decimals: 2 },
  SEK: { name: 'Swedish Krona', perEuro: 11, decimals: 2 },
  SGD: { name: 'Singapore Dollar', perEuro: 1.5, decimals: 2 },
  THB: { name: 'Thai Baht', perEuro: 37.6, decimals: 2 },
  TRY: { name: 'Turkish Lira', perEuro: 48.5, decimals: 2 },
  USD: { name: 'United States Dollar', perEuro: 1.15, decimals: 2 },
  ZAR: { name: 'South African Rand', perEuro: 20.1, decimals: 2 },
};

/** A real currency that some orders use and the rates service does not quote. */
export const unquotedCurrency = { code: 'UAH', name: 'Ukrainian Hryvnia', perEuro: 48.2, decimals: 2 };

const all: Readonly<Record<string, CurrencyInfo>> = {
  ...quotedCurrencies,
  EUR: { name: 'Euro', perEuro: 1, decimals: 2 },
  [unquotedCurrency.code]: unquotedCurrency,
};

export function currencyInfo(code: string): CurrencyInfo {
  const info = all[code];
  if (info === undefined) throw new RangeError(`no such currency in the sandbox: ${code}`);
  return info;
}
