import type { Clock } from '../clock.ts'
import type { CallLeg } from './CallLeg.ts'
import { climb, levelOf, measure, TOP, type Counts, type Figures, type Ladder, type Level } from './quality.ts'

/** How often the media is measured and reported. */
const MEASURE_MS = 1_000
/** Measurements without a single byte after which the path is taken for dead. */
const SILENT_MEASUREMENTS = 2

/** Measures a leg every second and walks the ladder; the step is kept over legs of one call. */
export class Meter {
  figures: Figures | null = null
  private ladder: Ladder = TOP
  private counts: Counts | null = null
  private silent = 0
  private leg: CallLeg | null = null
  private cancel: () => void = () => {}

  constructor(
    private readonly clock: Clock,
    private readonly hooks: { measured(leg: CallLeg, figures: Figures): void; quiet(): void; dead(): void },
  ) {}

  get step(): Ladder['step'] {
    return this.ladder.step
  }

  get level(): Level | null {
    return this.figures && levelOf(this.figures)
  }

  /** From now on this leg. */
  follow(leg: CallLeg): void {
    this.rest()
    this.leg = leg
    void leg.sendAt(this.step)
    this.soon(leg)
  }

  /** There is no leg; the step stays. */
  rest(): void {
    this.cancel()
    this.leg = this.counts = this.figures = null
    this.silent = 0
  }

  /** Another call. */
  reset(): void {
    this.rest()
    this.ladder = TOP
  }

  private soon(leg: CallLeg): void {
    this.cancel = this.clock.after(MEASURE_MS, () => void this.look(leg))
  }

  private async look(leg: CallLeg): Promise<void> {
    const stats = await leg.stats().catch(() => null)
    if (this.leg !== leg) return
    this.soon(leg)
    if (!stats) return
    const { counts, figures } = measure(this.counts, stats, this.clock.now())
    this.counts = counts
    if (!figures) return
    this.figures = figures
    const before = this.step
    this.ladder = climb(this.ladder, figures)
    if (this.step !== before) void leg.sendAt(this.step)
    this.silent = figures.silent ? this.silent + 1 : 0
    this.hooks.measured(leg, figures)
    if (this.silent === 1) this.hooks.quiet()
    if (this.silent >= SILENT_MEASUREMENTS) this.hooks.dead()
  }
}
