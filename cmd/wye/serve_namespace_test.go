package main

import (
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye/hub"
)

func TestNamespaceFlag(t *testing.T) {
	for _, tt := range []struct {
		flag string
		want hub.Namespace
	}{
		{"a", hub.Namespace{Name: "a"}},
		{"orders,history=1000/24h,presence,publish", hub.Namespace{Name: "orders", History: hub.History{Size: 1000, TTL: 24 * time.Hour}, Presence: hub.Presence{TTL: time.Minute}, MayPublish: hub.Anyone}},
		{"a,presence=10s,announce", hub.Namespace{Name: "a", Presence: hub.Presence{TTL: 10 * time.Second, Announce: true}}},
		{"a,announce,slow=conflate,max-channels=5,max-members=6", hub.Namespace{Name: "a", Presence: hub.Presence{TTL: time.Minute, Announce: true}, Slow: hub.Conflate, MaxChannels: 5, MaxMembers: 6}},
	} {
		var f namespacesFlag
		if err := f.Set(tt.flag); err != nil {
			t.Errorf("%s: %v", tt.flag, err)
			continue
		}
		got := f[0]
		if (got.MayPublish != nil) != (tt.want.MayPublish != nil) || got.MaySubscribe == nil {
			t.Errorf("%s: who may is %+v", tt.flag, got)
		}
		if got.Name != tt.want.Name || got.History != tt.want.History || got.Presence != tt.want.Presence || got.Slow != tt.want.Slow || got.MaxChannels != tt.want.MaxChannels || got.MaxMembers != tt.want.MaxMembers {
			t.Errorf("%s: %+v, want %+v", tt.flag, got, tt.want)
		}
	}
	for flag, want := range map[string]string{
		"": "none", ",publish": "none", "chat": "own", "demo": "own", "lease": "own", "game-input": "own", "ticker,publish": "own",
		"a,": "want history", "a,history": "history=100/1h", "a,history=5": "history=100/1h", "a,history=0/1h": "history=100/1h", "a,history=5/0s": "history=100/1h",
		"a,presence=0s": "presence=1m", "a,presence=x": "presence=1m", "a,publish=yes": "no value", "a,announce=1": "no value",
		"a,slow=fast": "slow=disconnect", "a,max-members=0": "max-members=1000", "a,max-channels=x": "max-channels=1000", "a,size=5": "want history",
	} {
		var f namespacesFlag
		if err := f.Set(flag); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", flag, err, want)
		}
	}
	var f namespacesFlag
	f.Set("a")
	if err := f.Set("a,publish"); err == nil {
		t.Error("one name is two namespaces")
	}
	if err := f.Set("b"); err != nil || f.String() != "a b" {
		t.Errorf("%q, %v", f.String(), err)
	}
}
