/** Pictures between the camera and the network: drawn small enough to send, and measured. */
import { doubtsOf, measure, MEASURED_SIDE, type Doubt } from './measure.ts'

/** The desk keeps no more than this on the long side (LONG_SIDE of its decoder): more would only take longer. */
const SENT_SIDE = 2_560
const QUALITY = 0.9

export interface Taken {
  readonly blob: Blob
  /** For the eye; given back with `URL.revokeObjectURL`. */
  readonly url: string
  readonly doubts: Doubt[]
}

/** What the viewfinder shows at this moment. Rejects where the camera gives no picture. */
export async function takeFrame(video: HTMLVideoElement): Promise<Taken> {
  if (!video.videoWidth || !video.videoHeight) throw new Error('The camera gives no picture yet.')
  return taken(video, video.videoWidth, video.videoHeight, null)
}

/** A picture that the phone's own camera took. Rejects where the browser cannot open it. */
export async function takeFile(file: File): Promise<Taken> {
  const url = URL.createObjectURL(file)
  try {
    const image = new Image()
    await new Promise((resolve, reject) => {
      image.onload = resolve
      image.onerror = reject
      image.src = url
    })
    // Browsers before the rule draw a turned picture as it lies: the desk turns it upright.
    const upright = CSS.supports('image-orientation', 'from-image')
    return await taken(image, image.naturalWidth, image.naturalHeight, upright ? null : file)
  } finally {
    URL.revokeObjectURL(url)
  }
}

async function taken(source: CanvasImageSource, width: number, height: number, as: Blob | null): Promise<Taken> {
  const small = drawn(source, width, height, MEASURED_SIDE)
  const pixels = small.getContext('2d')!.getImageData(0, 0, small.width, small.height)
  const blob = as ?? (await jpeg(drawn(source, width, height, SENT_SIDE)))
  return { blob, url: URL.createObjectURL(blob), doubts: doubtsOf(measure(pixels)) }
}

function drawn(source: CanvasImageSource, width: number, height: number, side: number): HTMLCanvasElement {
  const scale = Math.min(1, side / Math.max(width, height))
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(width * scale))
  canvas.height = Math.max(1, Math.round(height * scale))
  const context = canvas.getContext('2d')
  if (!context) throw new Error('There is no memory for the picture.')
  context.imageSmoothingQuality = 'high'
  context.drawImage(source, 0, 0, canvas.width, canvas.height)
  return canvas
}

function jpeg(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) =>
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('The picture cannot be written.'))), 'image/jpeg', QUALITY),
  )
}
