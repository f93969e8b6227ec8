//go:build !race

package engines_test

const race = false
