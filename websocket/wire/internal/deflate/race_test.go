//go:build race

package deflate

// raceEnabled: everything takes ten times as long.
const raceEnabled = true
