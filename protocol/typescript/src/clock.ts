/** Time as a value, so that tests can own it. */
export interface Clock {
  /** Milliseconds since 1970; for display and ages, never for order. */
  now(): number
  /** Calls once after `ms`; the answer cancels it. */
  after(ms: number, call: () => void): () => void
  /** From 0 up to, not including, 1. */
  random(): number
}

export const browserClock: Clock = {
  now: () => Date.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms)
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
