package conform

import "time"

// A Result is how an endpoint did in one case.
type Result struct {
	Case     *Case
	Verdict  Verdict
	Expected string // what the script awaited
	Got      string // what came
	Reason   string // why the verdict is not Pass
	Wire     []LogLine
	Took     time.Duration
	// Agent is the name that a client gave itself; empty for servers.
	Agent string
}

// A Summary counts verdicts.
type Summary struct {
	Cases         int `json:"cases"`
	Pass          int `json:"pass"`
	Nonstrict     int `json:"nonstrict"`
	Informational int `json:"informational"`
	Unimplemented int `json:"unimplemented"`
	Fail          int `json:"fail"`
}

// Add counts one more verdict.
func (s *Summary) Add(v Verdict) {
	s.Cases++
	switch v {
	case Pass:
		s.Pass++
	case Nonstrict:
		s.Nonstrict++
	case Informational:
		s.Informational++
	case Unimplemented:
		s.Unimplemented++
	case Fail:
		s.Fail++
	}
}

// Summarize counts the verdicts of results.
func Summarize(results []Result) (s Summary) {
	for _, r := range results {
		s.Add(r.Verdict)
	}
	return s
}
