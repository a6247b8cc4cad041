const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

let lastMillis = 0
let counter = 0

/**
 * A UUIDv7 (RFC 9562): 48 bits of time, 12 bits of a counter, 62 bits of chance.
 *
 * Two made one after the other in one page also sort so, even within a millisecond or when the clock
 * steps back: an outbox read back from storage is in the order in which it was written.
 * (`crypto.randomUUID` would be version 4 and is missing in WebView 80.)
 */
export function uuid7(now: number): string {
  if (now > lastMillis) {
    lastMillis = now
    counter = 0
  } else if (++counter > 0xfff) {
    lastMillis += 1
    counter = 0
  }
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  for (let index = 0, rest = lastMillis; index < 6; index++) {
    bytes[5 - index] = rest % 256
    rest = Math.floor(rest / 256)
  }
  bytes[6] = 0x70 | (counter >> 8)
  bytes[7] = counter & 0xff
  bytes[8] = 0x80 | (bytes[8]! & 0x3f)
  let id = ''
  bytes.forEach((byte, index) => {
    id += (index === 4 || index === 6 || index === 8 || index === 10 ? '-' : '') + HEX[byte]!
  })
  return id
}
