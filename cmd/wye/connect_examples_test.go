package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// Every example of the help works, as it stands but for the port.
func TestConnectExamples(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("the examples are for a shell")
	}
	server := start(t)
	bin := commandFolder(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "message.txt"), []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := []string{ // what standard output contains, one an example
		"hello\n",
		"from a file\n",
		"00ff\n",
		`"text":"hello"`,
		"hello\n",
	}
	for i, example := range strings.Split(connectExamples, "\n") {
		t.Run(strings.TrimSpace(example), func(t *testing.T) {
			line := strings.ReplaceAll(example, "127.0.0.1:8080", server.addr)
			cmd := exec.CommandContext(t.Context(), shell, "-c", line)
			cmd.Dir = folder
			cmd.Env = append(append(os.Environ(), commandEnv...), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil || i >= len(want) || !strings.Contains(string(out), want[i]) {
				t.Errorf("%v, stdout %q, stderr %q", err, out, &stderr)
			}
		})
	}
}

// The help of connect names every exit code, and every flag says what it is for
// and has a transcript.
func TestConnectHelp(t *testing.T) {
	cmd := newConnect(stdio{})
	for _, code := range []string{"0 closed", "1 standard", "2 usage", "3 DNS", "4 TLS", "5 refused", "6 closed", "7 ended", "8 time-out", "130 interrupted"} {
		if !strings.Contains(strings.ReplaceAll(cmd.Long, "\n", " "), code) {
			t.Errorf("the help lacks the exit code %q", code)
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Usage == "" {
			t.Errorf("--%s does not say what it is for", f.Name)
		}
		if !transcript(t, f) {
			t.Errorf("--%s is in no transcript", f.Name)
		}
	})
}

// transcript reports whether a transcript uses a flag.
func transcript(t *testing.T, f *pflag.Flag) bool {
	t.Helper()
	names, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if slices.Contains(words, "wye") && (slices.Contains(words, "--"+f.Name) || f.Shorthand != "" && slices.Contains(words, "-"+f.Shorthand)) {
				return true
			}
		}
	}
	return false
}
