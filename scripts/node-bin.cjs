/*
 * Prints the path of a Node binary that can run Heimdall (>= 24.18), for npm scripts on machines with an older Node.
 * Written in ES5 because the Node that runs *this* file may be any version.
 */
'use strict'

var MINIMUM = [24, 18]

function recent(version) {
  var parts = version.split('.').map(Number)
  return parts[0] > MINIMUM[0] || (parts[0] === MINIMUM[0] && parts[1] >= MINIMUM[1])
}

function find() {
  if (recent(process.versions.node)) return process.execPath
  try {
    return require.resolve('node-' + process.platform + '-' + process.arch + '/bin/node')
  } catch (_) {
    process.stderr.write(
      'heimdall: needs Node >= ' +
        MINIMUM.join('.') +
        ', this is ' +
        process.versions.node +
        '.\n' +
        'Run `npm ci` without `--omit=optional` (it brings a private Node for Linux on x64 and arm64), or install a newer Node.\n',
    )
    return 'false' // `exec false` ends the npm script with an exit code, without a second error
  }
}

process.stdout.write(find())
