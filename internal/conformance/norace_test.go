//go:build !race

package conformance

// raceEnabled: everything takes several times as long.
const raceEnabled = false
