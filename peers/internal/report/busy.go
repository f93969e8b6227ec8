package report

import "fmt"

// quiet is the part of all cores that other processes may have.
const quiet = 0.05

// Busyness says what a reader has to know of a machine on which other processes
// had this part of the cores meanwhile.
func Busyness(share float64) string {
	s := fmt.Sprintf("Other processes had %.0f %% of the cores meanwhile", 100*share)
	if share > quiet {
		return "**The machine was busy. " + s + ": these figures are preliminary.**"
	}
	return s + ": the machine was quiet."
}
