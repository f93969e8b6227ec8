package interop

import (
	"context"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wye-org/wye/internal/needs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPrograms(t *testing.T) {
	for _, c := range Checks() {
		t.Run(c.Peer+" "+c.Title, func(t *testing.T) {
			if missing := c.Missing(); missing != "" {
				needs.Program(t, missing)
			}
			// Not t.TempDir, whose parents only this user may read.
			dir, err := os.MkdirTemp("", "interop")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(dir)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			note, err := c.Run(ctx, dir)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(note)
		})
	}
}
