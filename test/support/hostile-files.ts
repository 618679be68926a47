/**
 * Files made to harm who reads them.
 *
 * @module
 */

const aliases = (count: number, name: string) => Array.from({ length: count }, () => `*${name}`).join(', ')
const doubling = Array.from({ length: 40 }, (_, index) => `a${index + 1}: &a${index + 1} [${aliases(2, `a${index}`)}]`)

/** What each is, and its text. */
export const hostileFiles: Readonly<Record<string, string>> = {
  'ten thousand brackets': `a: ${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  'ten thousand braces': '{a: '.repeat(10_000),
  'ten thousand dashes': `a: ${'- '.repeat(10_000)}x`,
  'a thousand levels of indentation': Array.from({ length: 1000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n'),
  'aliases that double forty times': ['a0: &a0 x', ...doubling].join('\n'),
  'aliases that multiply by ten': [
    'a0: &a0 x',
    ...Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${aliases(10, `a${i}`)}]`),
  ].join('\n'),
  'an alias inside its anchor': 'a: &a [*a]',
  'more than a mebibyte': `# ${'x'.repeat(1024 ** 2)}`,
}
