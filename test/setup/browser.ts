import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const places = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/snap/bin/chromium',
];

/** What a person would see of a page: its text, and what the browser complained about. */
export interface Seen {
  readonly text: string;
  readonly links: readonly string[];
  readonly complaints: readonly string[];
}

/** Where a browser is on this machine; null = tests that need one say so and pass by. */
export function findBrowser(): string | null {
  return [process.env['BATON_TEST_BROWSER'], ...places].find((place) => place && existsSync(place)) ?? null;
}

/** Opens the page in a headless browser and reads it. */
export async function readPage(executablePath: string, url: string): Promise<Seen> {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  });
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('requestfailed', (request) => complaints.push(`failed: ${request.url()}`));
    await page.goto(url, { waitUntil: 'load' });
    const links = await page.locator('a').evaluateAll((all) => all.map((a) => a.getAttribute('href') ?? ''));
    return { text: await page.locator('body').innerText(), links, complaints };
  } finally {
    await browser.close();
  }
}
