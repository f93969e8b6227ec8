package gate

import (
	"errors"
	"strings"
	"testing"
)

func TestTokens(t *testing.T) {
	tokens, err := ReadTokens(strings.NewReader("\ufeff# who may\n\nada:one:two=\r\n  bob : three  \nada:four\n#eve:five\n"))
	if err != nil || tokens.Len() != 3 {
		t.Fatalf("%d tokens, %v", tokens.Len(), err)
	}
	for token, name := range map[string]string{"one:two=": "ada", "three": "bob", "four": "ada", "five": "", "": "", "one": "", "three ": "", "THREE": ""} {
		id, err := tokens.Verify(t.Context(), token)
		if id.Principal != name || !id.Expires.IsZero() || (err == nil) != (name != "") || err != nil && !errors.Is(err, ErrCredentials) {
			t.Errorf("%q is %+v's, %v; want %q", token, id, err, name)
		}
	}
}

func TestTokensThatAreNone(t *testing.T) {
	for _, none := range []*Tokens{nil, {}} {
		if _, err := none.Verify(t.Context(), ""); !errors.Is(err, ErrCredentials) || none.Len() != 0 {
			t.Errorf("an empty list knows the empty token: %v", err)
		}
	}
}

func TestTokensSayWhichLineIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"ada:one\ns3cret\n":                      "line 2: want name:token",
		":s3cret":                                "line 1: want name:token",
		"s3cret:":                                "line 1: want name:token",
		"ada:s3 cret":                            "line 1: a token is",
		"ada:s3cret\xff":                         "line 1: a token is",
		"ada:s3cret\nbob:s3cret":                 "line 2: the token is there already",
		"ada:" + strings.Repeat("s3cret", 2000):  "line 1: ",
		"# x\n" + strings.Repeat("s3cret", 5000): "line 2: ",
	} {
		tokens, err := ReadTokens(strings.NewReader(text))
		if err == nil || tokens != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error repeats the token: %v", err)
		}
	}
	var many strings.Builder
	for i := range maxTokens + 1 {
		many.WriteString("ada:" + strings.Repeat("x", i%100) + strings.Repeat("y", i/100+1) + "\n")
	}
	if _, err := ReadTokens(strings.NewReader(many.String())); err == nil || !strings.Contains(err.Error(), "line 10001") {
		t.Errorf("got %v", err)
	}
}
