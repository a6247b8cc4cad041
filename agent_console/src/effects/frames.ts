/** The frame in sight: when it was taken, and itself as a picture that all others can show. */

/** Characters of a held picture (`protocol/call.py`): base64 of a JPEG, below one frame of the socket. */
export const HELD_PICTURE_MOST = 60_000
const JPEG = 'data:image/jpeg;base64,'
/** Longest side in px and quality, from the best to one that always fits. */
const FORMS = [[960, 0.75], [960, 0.55], [720, 0.6], [720, 0.45], [480, 0.5], [320, 0.4]] as const

/** Of a frame that is shown; times as `performance.now()` has them. Browsers tell either or none. */
export interface Frame {
  readonly captureTime?: number
  readonly receiveTime?: number
}

/**
 * How long ago the frame came, in ms; 0 where the browser does not tell. A recording's time is that of coming to
 * the server, which is nearer to this than to the browser's guess of when the frame was taken.
 */
export const ageOf = (frame: Frame | null, now: number): number =>
  Math.max(0, now - (frame?.receiveTime ?? frame?.captureTime ?? now))

/** Tells each frame that is shown. The answer ends it. */
export function followFrames(video: HTMLVideoElement, shown: (frame: Frame) => void): () => void {
  if (!('requestVideoFrameCallback' in video)) return () => {}
  let handle = 0
  const next = (): void => {
    handle = video.requestVideoFrameCallback((_at, frame) => {
      shown(frame)
      next()
    })
  }
  next()
  return () => video.cancelVideoFrameCallback(handle)
}

/** The frame in sight as a JPEG in base64 that is short enough to be sent; null when there is none yet. */
export function pictureOf(video: HTMLVideoElement): string | null {
  const { videoWidth: width, videoHeight: height } = video
  if (width === 0 || height === 0) return null
  // Taken once: while it is made smaller the video goes on.
  const frame = drawnOn(video, width, height)
  for (const [side, quality] of FORMS) {
    const scale = Math.min(1, side / Math.max(width, height))
    const smaller = scale < 1 ? drawnOn(frame, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))) : frame
    const url = smaller.toDataURL('image/jpeg', quality)
    if (url.startsWith(JPEG) && url.length <= JPEG.length + HELD_PICTURE_MOST) return url.slice(JPEG.length)
  }
  return null
}

function drawnOn(from: CanvasImageSource, width: number, height: number): HTMLCanvasElement {
  const canvas = Object.assign(document.createElement('canvas'), { width, height })
  canvas.getContext('2d')?.drawImage(from, 0, 0, width, height)
  return canvas
}
