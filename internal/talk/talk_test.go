package talk

import "testing"

func TestDialogue(t *testing.T) {
	address := Listen(t, func(p *Peer) {
		p.Want("question\n")
		p.Say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswerbye")
	})
	p := To(t, address)
	p.Say("question\n")
	if resp, body := p.WantResponse("GET", 200); body != "answer" || resp.Proto != "HTTP/1.1" {
		t.Errorf("got %s with %q", resp.Proto, body)
	}
	if got := p.WantUntil("y") + p.WantEnd(); got != "bye" {
		t.Errorf("heard %q", got)
	}
}
