/**
 * Characters that are not seen but change how the text around them looks, or turn it around, and those that a terminal obeys. Not
 * those that join letters and emoji.
 */
const UNSEEN = /(?![\n\r\t\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** A text with such characters as escapes, such as `\u202e`: two keys that differ look different. */
export function escapeInvisible(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
  });
}
