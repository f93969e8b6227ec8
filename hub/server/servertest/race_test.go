//go:build race

package servertest_test

const race = true
