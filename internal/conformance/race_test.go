//go:build race

package conformance

// raceEnabled says that everything takes several times as long.
const raceEnabled = true
