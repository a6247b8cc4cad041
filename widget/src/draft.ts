/** What is written and not sent. Kept under the person's name once it is known, so that it goes with him. */
export class Draft {
  private memory = ''

  constructor(
    private readonly storage: Storage | null,
    /** null while it is not known who writes. */
    private readonly name: () => string | null,
  ) {}

  get text(): string {
    const name = this.name()
    return (name && this.storage?.getItem(name)) || this.memory
  }

  set text(text: string) {
    this.memory = text
    this.store()
  }

  /** It turned out who writes, and that it is the same person as before. */
  carryOver(): void {
    if (this.memory) this.store()
  }

  /** Somebody else is in front of the page. */
  dropMemory(): void {
    this.memory = ''
  }

  private store(): void {
    const name = this.name()
    if (!name) return
    try {
      if (this.memory) this.storage?.setItem(name, this.memory)
      else this.storage?.removeItem(name)
    } catch {
      // Storage is full: the draft lives as long as the page.
    }
  }
}
