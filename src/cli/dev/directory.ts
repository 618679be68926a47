/**
 * Where the demo keeps its state: beside the file it runs, never in the repository.
 *
 * @module
 */

export const DEV_DIRECTORY = '.heimdall'
