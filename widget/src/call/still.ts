/** W3C image-capture; not in the DOM types, and not in every browser. */
interface ImageCapture {
  takePhoto(): Promise<Blob>
}
type Captures = new (track: MediaStreamTrack) => ImageCapture

/** A still takes the camera a moment; one that never answers is as good as none. */
const PHOTO_MS = 6_000
/** How long a camera may take to show its largest picture. */
const LARGER_MS = 2_000

/**
 * A still of the best that this camera gives, while its picture goes out: the sensor's own where the browser
 * lends it, else the largest frame of the running video. Rejects where there is none.
 */
export async function takeStill(track: MediaStreamTrack): Promise<Blob> {
  const { ImageCapture: Captures } = window as unknown as { ImageCapture?: Captures }
  try {
    if (Captures) return await within(PHOTO_MS, new Captures(track).takePhoto())
  } catch {
    // Some lend it and do not give it.
  }
  return largestFrame(track)
}

async function largestFrame(track: MediaStreamTrack): Promise<Blob> {
  const { width, height } = track.getCapabilities?.() ?? {}
  const before = track.getConstraints()
  const video = document.createElement('video')
  Object.assign(video, { muted: true, playsInline: true, srcObject: new MediaStream([track]) })
  await video.play()
  try {
    if (width?.max && height?.max && width.max > video.videoWidth) {
      const larger = new Promise((resolve) => video.addEventListener('resize', resolve, { once: true }))
      await track.applyConstraints({ ...before, width: { ideal: width.max }, height: { ideal: height.max } })
      await within(LARGER_MS, larger).catch(() => {})
    }
    const canvas = document.createElement('canvas')
    Object.assign(canvas, { width: video.videoWidth, height: video.videoHeight })
    canvas.getContext('2d')!.drawImage(video, 0, 0)
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The camera gives no picture.'))), 'image/jpeg', 0.95),
    )
  } finally {
    video.srcObject = null
    await track.applyConstraints(before).catch(() => {})
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return Promise.race([work, new Promise<never>((_, reject) => setTimeout(() => reject(new Error('It took too long.')), ms))])
}
