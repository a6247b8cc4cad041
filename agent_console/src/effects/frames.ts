/** The picture's own time: milliseconds since the first frame that this page saw of it. */

/** RTP timestamps of video count 90 000 a second, in 32 bits (RFC 3551, section 5; RFC 3550, section 5.1). */
const CLOCK_KHZ = 90
const WRAP = 2 ** 32

interface Frame {
  readonly mediaTime: number
  readonly rtpTimestamp?: number
}

/** The frame's time in ms. `first` is the first frame of the same picture. */
export function frameTime(first: Frame, now: Frame): number {
  if (first.rtpTimestamp === undefined || now.rtpTimestamp === undefined) {
    return Math.max(0, Math.round((now.mediaTime - first.mediaTime) * 1000))
  }
  return Math.round(((now.rtpTimestamp - first.rtpTimestamp + WRAP) % WRAP) / CLOCK_KHZ)
}

/** Tells the time of each frame that is shown. The answer ends it. */
export function followFrames(video: HTMLVideoElement, shown: (ms: number) => void): () => void {
  if (!('requestVideoFrameCallback' in video)) return () => {}
  let first: Frame | null = null
  let handle = 0
  const next = (): void => {
    handle = video.requestVideoFrameCallback((_at, frame) => {
      first ??= frame
      shown(frameTime(first, frame))
      next()
    })
  }
  next()
  return () => video.cancelVideoFrameCallback(handle)
}
