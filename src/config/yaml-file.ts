/**
 * One YAML file, read with bounds: size, depth, no custom tags, one document.
 *
 * The parser's stack is watched while it reads, so that ten thousand brackets are refused before a tree is built of them.
 *
 * @module
 */
import { Composer, Lexer, LineCounter, Parser, type CST, type Document, type ParsedNode } from 'yaml'

import type { Problem } from './problem.ts'

const LARGEST = 1024 ** 2
const DEEPEST = 64
const MOST_LEXEMES = 250_000 // a thousand routes with everything are about 100 000
const MOST_FLAWS = 20

export interface YamlFile {
  /** As named by the user. */
  readonly name: string
  readonly root: ParsedNode
  /** Where an offset into the text lies. */
  place(offset: number): Place
}

/** Line and column from 1, and the line itself. */
type Place = Required<Pick<Problem, 'line' | 'column' | 'excerpt'>>

type Read = { readonly file: YamlFile } | { readonly problems: readonly Problem[] }

/** Reads the text of a file, or says everything that makes it no YAML of ours. */
export function readYaml(name: string, text: string): Read {
  const whole = (message: string): Read => ({ problems: [{ file: name, line: 0, column: 0, path: '', message }] })
  if (Buffer.byteLength(text) > LARGEST) return whole('is larger than 1 MiB')

  const counter = new LineCounter()
  const tokens = boundedTokens(counter, text)
  if (typeof tokens === 'string') return whole(tokens)
  const composer = new Composer({ uniqueKeys: false, merge: false, resolveKnownTags: false, version: '1.2' })
  const documents = [...composer.compose(tokens, true, text.length)]

  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''))
  const place = (offset: number): Place => {
    const { line, col } = counter.linePos(offset)
    return { line, column: col, excerpt: lines[line - 1] ?? '' }
  }
  const problems = documents.flatMap((document) => flaws(document, (offset) => ({ file: name, ...place(offset) })))
  if (problems.length > 0) return { problems }
  if (documents.length > 1) return whole('holds more than one YAML document')
  const root = documents[0]?.contents ?? null
  return root === null ? whole('is empty') : { file: { name, root, place } }
}

/** The tokens of a text, or why it is not read. After a few errors the rest of a text is not looked at. */
function boundedTokens(counter: LineCounter, text: string): CST.Token[] | string {
  const parser = new Parser(counter.addNewLine)
  const tokens: CST.Token[] = []
  counter.addNewLine(0)
  let lexemes = 0
  let errors = 0
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) {
      tokens.push(token)
      if (token.type === 'error') errors += 1
    }
    lexemes += 1
    if (parser.stack.length > 2 * DEEPEST) return `nests deeper than ${DEEPEST} levels`
    if (lexemes > MOST_LEXEMES) return 'holds more than a configuration could'
    if (errors > MOST_FLAWS) break
  }
  for (const token of parser.end()) tokens.push(token)
  return tokens
}

/** Errors and warnings alike: a tag nobody knows is a warning to the parser and a mistake to us. */
function flaws(document: Document, placed: (offset: number) => Place & { file: string }): Problem[] {
  return [...document.errors, ...document.warnings].slice(0, MOST_FLAWS).map((flaw) => ({
    ...placed(flaw.pos[0]),
    path: '',
    message: `is not valid YAML: ${(flaw.message.split('\n')[0] ?? '').replace(/:\s*".*$/, '')}`,
  }))
}
