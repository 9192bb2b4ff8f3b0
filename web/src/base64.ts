/**
 * Base64 of bytes, without padding (RFC 4648, sections 4 and 5). Pure.
 */

export function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replace(/\+/g, '-').replace(/\//g, '_');
}

/** Base64url to bytes; null for anything that no encoder writes, unused bits that are not zero included. */
export function fromBase64Url(text: string): Uint8Array | null {
  let characters: string;
  try {
    characters = atob(text.replace(/-/g, '+').replace(/_/g, '/'));
  } catch {
    return null;
  }
  const bytes = Uint8Array.from(characters, (character) => character.charCodeAt(0));
  return toBase64Url(bytes) === text ? bytes : null;
}
