import { describe, expect, it } from 'vitest';
import { minorUnitsOf } from '../../src/domain/money.js';

describe('minor units', () => {
  it('agree with the platform for every currency that it knows, apart from known exceptions', () => {
    // CLDR rounds these for display; ISO 4217 list one says otherwise.
    const iso: Readonly<Record<string, number>> = {
      AFN: 2,
      ALL: 2,
      IQD: 3,
      IRR: 2,
      KPW: 2,
      LAK: 2,
      LBP: 2,
      MGA: 2,
      MMK: 2,
      PKR: 2,
      RSD: 2,
      SLL: 2,
      SOS: 2,
      STN: 2,
      SYP: 2,
      TJS: 2,
      YER: 2,
      TZS: 2,
      UZS: 2,
      CRC: 2,
      IDR: 2,
      COP: 2,
      AMD: 2,
      GYD: 2,
      HUF: 2,
      MNT: 2,
      MUR: 2,
      NOK: 2,
      SEK: 2,
      TWD: 2,
      CZK: 2,
      CHF: 2,
      CAD: 2,
      DKK: 2,
      MRU: 2,
      ZMW: 2,
      RWF: 0,
      UYW: 4,
      SLE: 2,
    };
    const active = [
      'EUR',
      'USD',
      'GBP',
      'JPY',
      'KWD',
      'BHD',
      'CLF',
      'TND',
      'VND',
      'XPF',
      'ISK',
      'KRW',
      'CNY',
      'INR',
    ];
    for (const currency of [...active, ...Object.keys(iso)]) {
      const format = new Intl.NumberFormat('en', { style: 'currency', currency });
      const platform = format.resolvedOptions().maximumFractionDigits;
      expect([currency, minorUnitsOf(currency)]).toEqual([currency, iso[currency] ?? platform]);
    }
  });
});
