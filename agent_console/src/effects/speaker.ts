/** Where the sound of an element comes out. */

import type { Directive } from 'vue'

/** The device id of a speaker; empty: the system's own choice. A speaker that is gone leaves the sound where it was. */
export const vSpeaker: Directive<HTMLMediaElement, string> = (element, { value, oldValue }) => {
  if (value !== (oldValue ?? '') && 'setSinkId' in element) element.setSinkId(value).catch(() => {})
}
