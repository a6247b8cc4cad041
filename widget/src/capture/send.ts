import { readError, Refusal, type FileStored } from '@livedesk/protocol'

/** Without a byte of progress, or an answer, for this long the line is dead. The desk may wait for a decoder. */
const STALLED_MS = 45_000

/**
 * Puts a picture to the desk. `progress` hears the part that has left, 0 … 1. Rejects with a `Refusal`;
 * `offline` where the outcome is unknown: the same address again answers as the first did.
 */
export function put(path: string, token: string, picture: Blob, signal: AbortSignal, progress: (part: number) => void): Promise<FileStored> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    let timer = 0
    const lost = (): void => reject(new Refusal('offline', 'The picture did not get through.'))
    const alive = (): void => {
      clearTimeout(timer)
      timer = window.setTimeout(() => {
        lost()
        request.abort()
      }, STALLED_MS)
    }
    const abort = (): void => {
      reject(new Refusal('ended', 'Sending was cancelled.'))
      request.abort()
    }
    request.open('PUT', path)
    request.responseType = 'json'
    request.setRequestHeader('Authorization', `Bearer ${token}`)
    request.upload.onprogress = (event) => {
      alive()
      if (event.lengthComputable) progress(event.loaded / event.total)
    }
    request.onerror = lost
    request.onload = () => {
      const body = request.response as { error?: unknown } | null
      if (request.status === 200 && body) resolve(body as unknown as FileStored)
      else reject(readError(body?.error) ?? new Refusal(request.status >= 500 ? 'retry' : 'malformed', `HTTP ${request.status}`))
    }
    request.onloadend = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort)
    alive()
    request.send(picture)
  })
}
