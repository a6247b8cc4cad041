/** Files of the repository beside the console, for tests that hold the console against them. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const fileOf = (path: string) => readFileSync(join(import.meta.dirname, '../../..', path), 'utf8')

/** The printed schema of everything on the wire. */
export const wireSchema = () =>
  JSON.parse(fileOf('protocol/typescript/wire.schema.json')) as {
    $defs: Record<string, { enum?: string[]; properties?: Record<string, unknown> }>
  }
