/** Recordings that are watched: their addresses, what was drawn and said meanwhile, and which one is open. */

import type { MarkEntry, PublicEntry, RecordingChanged, RecordingView } from '@livedesk/protocol'
import { defineStore } from 'pinia'
import { ref } from 'vue'
import { useDesk } from './desk.ts'

/** Chat goes on after the end of a recording: no more pages are read than this. */
const MAX_PAGES = 50

export const useRecordings = defineStore('recordings', () => {
  const desk = useDesk()
  /** The recording that is open, or null. */
  const watchedId = ref<string | null>(null)

  const watch = (recordingId: string) => void (watchedId.value = recordingId)
  const close = () => void (watchedId.value = null)

  /** The recording with fresh addresses. */
  const read = (recording_id: string): Promise<RecordingView> => desk.client().insist('recording.open', { recording_id })

  async function marksOf(recording_id: string): Promise<MarkEntry[]> {
    const found: MarkEntry[] = []
    for (let more = true; more; ) {
      const page = await desk.client().insist('recording.marks', { recording_id, after_seq: found.at(-1)?.seq ?? 0 })
      found.push(...page.marks)
      more = page.more
    }
    return found
  }

  /** What was said in a conversation until a time. */
  async function saidUntil(conversation_id: string, until: number): Promise<PublicEntry[]> {
    const epoch = desk.state?.desk.epoch ?? ''
    const found: PublicEntry[] = []
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const page = await desk.client().insist('chat.sync', { conversation_id, epoch, after_seq: found.at(-1)?.seq ?? 0, desk_after_seq: 0 })
      found.push(...page.entries)
      if (!page.more || (found.at(-1)?.sent_at ?? 0) > until) break
    }
    return found
  }

  /** A supervisor's word about a recording. */
  const wish = (recording_id: string, what: 'erase' | 'restrict' | 'release', why: string): Promise<RecordingChanged> =>
    what === 'erase'
      ? desk.client().insist('recording.erase', { recording_id, why })
      : desk.client().insist('recording.restrict', { recording_id, why, restricted: what === 'restrict' })

  /** One MP4 of it: how far that is. */
  const compose = (recording_id: string) => desk.client().insist('recording.compose', { recording_id })

  return { wish, compose, watchedId, watch, close, read, marksOf, saidUntil }
})
