import { expect, it } from 'vitest';
import { crc32c } from '../../src/vaults/crc32c.js';

/** https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4, and the check value of the catalogue of CRCs. */
it.each([
  [Buffer.alloc(32), 0x8a9136aa],
  [Buffer.alloc(32, 0xff), 0x62a8ab43],
  [Buffer.from(Array.from({ length: 32 }, (_, index) => index)), 0x46dd794e],
  [Buffer.from('123456789'), 0xe3069283],
  [Buffer.alloc(0), 0],
])('the CRC-32C of %j is as published', (bytes, sum) => {
  expect(crc32c(bytes)).toBe(sum);
});
