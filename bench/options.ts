/** The value of an option that counts something. Throws, naming the option, for anything else. */
export function positive(name: string, text: string): number {
  const value = Number(text.replaceAll('_', ''));
  if (Number.isInteger(value) && value > 0) return value;
  throw new Error(`--${name} is a whole number above 0, not "${text}"`);
}
