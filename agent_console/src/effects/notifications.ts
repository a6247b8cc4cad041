/** Desktop notifications, only when wanted, allowed, and the console is out of sight. */

export type Permission = 'granted' | 'denied' | 'default' | 'unsupported'

export function permission(): Permission {
  return 'Notification' in globalThis ? Notification.permission : 'unsupported'
}

export async function askPermission(): Promise<Permission> {
  return permission() === 'unsupported' ? 'unsupported' : Notification.requestPermission()
}

/** `tag` replaces an older notification of the same thing instead of piling up. */
export function notify(title: string, body: string, tag: string, onClick: () => void): void {
  if (permission() !== 'granted' || document.visibilityState === 'visible') return
  const shown = new Notification(title, { body, tag, icon: '/console/icon.svg' })
  shown.onclick = () => {
    window.focus()
    shown.close()
    onClick()
  }
}
