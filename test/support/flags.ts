/**
 * What the image and the npm scripts start Node with; `test/deploy` holds them to it.
 *
 * The first two take away what no code of ours uses. The other two bound what V8 lets pile up before it collects:
 * left to itself, a gateway that meets a hundred thousand tokens grows to three times the memory it needs.
 *
 * @module
 */
export const FLAGS = [
  '--disable-proto=delete',
  '--disallow-code-generation-from-strings',
  '--max-semi-space-size=8',
  '--heap-growing-percent=20',
  '--no-memory-reducer',
]
