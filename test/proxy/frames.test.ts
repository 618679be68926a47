import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import * as fc from 'fast-check'

import { closeFrame, Frames } from '#proxy/frames.ts'

/** One frame of so many bytes. */
function frame(opcode: number, length: number, masked = false): Buffer {
  const mask = masked ? 0x80 : 0
  const header =
    length < 126
      ? Buffer.from([0x80 | opcode, mask | length])
      : length < 65_536
        ? Buffer.from([0x80 | opcode, mask | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([0x80 | opcode, mask | 127]), bigEndian(length)])
  return Buffer.concat([header, Buffer.alloc(masked ? 4 : 0), Buffer.alloc(length, 0x88)])
}

function bigEndian(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(length))
  return bytes
}

suite('Frames', () => {
  test('is between frames at the start, and after each whole one of any length', () => {
    const frames = new Frames()
    assert.ok(frames.between)
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 100_000])
      for (const masked of [false, true]) {
        frames.follow(frame(2, length, masked))
        assert.ok(frames.between, `${length} ${masked}`)
      }
  })

  test('is between frames exactly at their ends, however the bytes are cut', () => {
    const lengths = fc.array(fc.oneof(fc.nat(130), fc.constantFrom(126, 127, 70_000)), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(lengths, fc.boolean(), fc.array(fc.integer({ min: 1, max: 5000 })), (sizes, masked, cuts) => {
        const all = sizes.map((size) => frame(1, size, masked))
        const ends = new Set([0])
        let end = 0
        for (const one of all) ends.add((end += one.length))
        const bytes = Buffer.concat(all)
        const frames = new Frames()
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const next = Math.min(bytes.length, at + (cuts[turn % Math.max(1, cuts.length)] ?? 1))
          frames.follow(bytes.subarray(at, next))
          at = next
          assert.equal(frames.between, ends.has(at), `at ${at}`)
        }
      }),
      { numRuns: 50 },
    )
  })

  test('is never between frames again once the last one has been announced', () => {
    const frames = new Frames()
    frames.follow(closeFrame(1000))
    assert.equal(frames.between, false)
    frames.follow(frame(1, 3))
    assert.equal(frames.between, false)
  })

  test('reaches no end inside a frame that says it is longer than can be counted', () => {
    const frames = new Frames()
    frames.follow(Buffer.from([0x82, 127, 0x7f, 255, 255, 255, 255, 255, 255, 255]))
    frames.follow(Buffer.alloc(1_000_000))
    assert.equal(frames.between, false)
  })
})

suite('closeFrame', () => {
  test('is a whole, unmasked frame with its code and nothing else', () => {
    assert.deepEqual([...closeFrame(1008)], [0x88, 2, 0x03, 0xf0])
  })
})
