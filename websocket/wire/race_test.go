//go:build race

package wire

// raceEnabled: a pool forgets things at random then.
const raceEnabled = true
