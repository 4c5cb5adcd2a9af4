/** IPv4 addresses as texts. */

const NUMBER = /^(?:0|[1-9][0-9]{0,2})$/;

/** True for four decimal numbers up to 255 without leading zeros, the first of them not 0. */
export function isIPv4(text: string): boolean {
  const parts = text.split('.');
  const isValid = (part: string) => NUMBER.test(part) && Number(part) <= 255;
  return parts.length === 4 && parts.every(isValid) && parts[0] !== '0';
}
