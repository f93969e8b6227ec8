package main

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// asCommand makes the test binary be the command itself, for tests of what only
// a process of its own can show: signals and exit codes.
const asCommand = "WYE_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
