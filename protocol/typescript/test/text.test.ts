import { describe, expect, test } from 'vitest'
import { written } from '../src/text.ts'

describe('what is sent of what was typed', () => {
  test('leaves out what the desk refuses and white space around it', () => {
    expect(written(' 在吗\u0000 \n')).toBe('在吗')
    expect(written('a\u0007\u001b\u007fb')).toBe('ab')
    expect(written('\ud83d')).toBe('')
    expect(written('\u0000 \u0000')).toBe('')
  })

  test('keeps what people write', () => {
    expect(written('第一行\n\t第二行 😀')).toBe('第一行\n\t第二行 😀')
    expect(written('一\r\n二')).toBe('一\n二')
  })
})
