package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// The examples of publish work as they stand, but for the ports; so does the one of
// subscribe that ends by itself. The others are of flags that there are.
func TestHubExamples(t *testing.T) {
	server, admin := startHub(t)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "key"), []byte(testAPIKey), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(folder)
	where := strings.NewReplacer("http://127.0.0.1:9090", "http://"+admin)
	for range 10 {
		for _, example := range strings.Split(publishExamples, "\n") {
			args, in := words(where.Replace(example))
			if !strings.Contains(example, "--server") {
				args = append(args, "--server", server.url)
			}
			var out, errs strings.Builder
			if code := run(t.Context(), args, stdio{strings.NewReader(in), &out, &errs}); code != exitOK || out.Len()+errs.Len() > 0 {
				t.Errorf("%s: exit code %d, %s%s", example, code, &out, &errs)
			}
		}
	}
	for _, example := range strings.Split(subscribeExamples, "\n") {
		args, _ := words(example)
		if strings.Contains(example, "-n 10") {
			var out, errs strings.Builder
			if code := run(t.Context(), append(args, "--server", server.url), stdio{strings.NewReader(""), &out, &errs}); code != exitOK || strings.Count(out.String(), "\n") != 10 {
				t.Errorf("%s: exit code %d, %s%s", example, code, &out, &errs)
			}
			continue
		}
		cmd := newSubscribe(stdio{})
		if err := cmd.ParseFlags(args[1:]); err != nil {
			t.Errorf("%s: %v", example, err)
		}
		if err := cmd.Args(cmd, cmd.Flags().Args()); err != nil {
			t.Errorf("%s: %v", example, err)
		}
	}
}

// words are an example's, and what a pipe before it says.
func words(example string) (args []string, in string) {
	example = strings.TrimSpace(example)
	if before, after, found := strings.Cut(example, " | "); found {
		in, example = before+"\n", after
	}
	for _, w := range strings.Fields(example)[1:] {
		args = append(args, strings.Trim(w, "'"))
	}
	return args, in
}

// Every flag says what it is for and is in a transcript, and the help has every exit
// code.
func TestHubCommandsHelp(t *testing.T) {
	transcripts := ""
	for _, name := range []string{"publish", "subscribe"} {
		text, err := os.ReadFile("testdata/hub/" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		transcripts += string(text)
	}
	for cmd, codes := range map[*cobra.Command][]string{
		newPublish(stdio{}):   {"0 all", "1 standard", "2 usage", "3 DNS", "4 TLS", "5 refused", "7 ended", "8 time-out", "130 interrupted"},
		newSubscribe(stdio{}): {"0 after", "1 standard", "2 usage", "3 DNS", "4 TLS", "5 refused", "6 ended", "7 ended", "8 time-out", "130 interrupted"},
	} {
		for _, code := range codes {
			if !strings.Contains(strings.ReplaceAll(cmd.Long, "\n", " "), code) {
				t.Errorf("the help of %s lacks the exit code %q", cmd.Name(), code)
			}
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" || !strings.Contains(transcripts, "--"+f.Name+" ") {
				t.Errorf("%s --%s says nothing of what it is for, or is in no transcript", cmd.Name(), f.Name)
			}
		})
	}
	// The help of serve ends in what it does without a word.
	if serve := newServe(stdio{}); serve.Flags().Lookup("engine").DefValue != "" || serve.Flags().Lookup("cluster").DefValue != "false" {
		t.Error("without a flag something else than memory is the engine")
	}
}
