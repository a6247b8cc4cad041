/** What the desk refuses in a text, and nobody types: control characters but tab and line feed, halves of surrogate pairs. */
const UNSENDABLE = /[\u0000-\u0008\u000b-\u001f\u007f\ud800-\udfff]/gu

/** What is sent of what was typed or pasted; empty where there is nothing to send. */
export function written(typed: string): string {
  return typed.replace(UNSENDABLE, '').trim()
}
