package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/wye-org/wye/hub"
)

// namespacesFlag is --namespace: each a name and what its channels are, such as
// orders,history=1000/24h,presence,publish.
type namespacesFlag []hub.Namespace

func (f *namespacesFlag) Type() string { return "NAME[,history=N/TTL]…" }

func (f *namespacesFlag) String() string {
	var names []string
	for _, ns := range *f {
		names = append(names, ns.Name)
	}
	return strings.Join(names, " ")
}

// slowPolicies are the values of slow=.
var slowPolicies = map[string]hub.Slow{
	"disconnect": hub.Disconnect, "drop-newest": hub.DropNewest, "drop-oldest": hub.DropOldest, "conflate": hub.Conflate,
}

// defaultPresence is for how long the members of a server that died are listed.
const defaultPresence = time.Minute

func (f *namespacesFlag) Set(s string) error {
	parts := strings.Split(s, ",")
	name := parts[0]
	ns := hub.Namespace{Name: name, MaySubscribe: hub.Anyone}
	for _, part := range parts[1:] {
		key, value, hasValue := strings.Cut(part, "=")
		if err := setNamespace(&ns, key, value, hasValue); err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	if name == "" || reserved(name) {
		return fmt.Errorf("the name %q is the server's own, or none", name)
	}
	for _, other := range *f {
		if other.Name == name {
			return fmt.Errorf("there are two namespaces %s", name)
		}
	}
	*f = append(*f, ns)
	return nil
}

// setNamespace takes in one of the parts.
func setNamespace(ns *hub.Namespace, key, value string, hasValue bool) (err error) {
	switch key {
	case "history":
		size, ttl, found := strings.Cut(value, "/")
		if ns.History.Size, err = strconv.Atoi(size); err == nil {
			ns.History.TTL, err = time.ParseDuration(ttl)
		}
		if err != nil || !found || ns.History.Size < 1 || ns.History.TTL <= 0 {
			return errors.New("want so many messages for so long, such as history=100/1h")
		}
	case "presence", "announce":
		if ns.Presence.TTL == 0 {
			ns.Presence.TTL = defaultPresence
		}
		if key == "announce" {
			ns.Presence.Announce = true
		} else if hasValue {
			if ns.Presence.TTL, err = time.ParseDuration(value); err != nil || ns.Presence.TTL <= 0 {
				return errors.New("want a duration, such as presence=1m")
			}
		}
	case "publish":
		ns.MayPublish = hub.Anyone
	case "slow":
		policy, ok := slowPolicies[value]
		if !ok {
			return errors.New("want slow=disconnect, drop-newest, drop-oldest or conflate")
		}
		ns.Slow = policy
	case "max-channels", "max-members":
		n, err := strconv.Atoi(value)
		if err != nil || n < 1 {
			return fmt.Errorf("want a number above 0, such as %s=1000", key)
		}
		if key == "max-channels" {
			ns.MaxChannels = n
		} else {
			ns.MaxMembers = n
		}
	default:
		return errors.New("want history=N/TTL, presence[=TTL], announce, publish, slow=POLICY, max-channels=N or max-members=N")
	}
	if key != "history" && key != "presence" && key != "slow" && !strings.HasPrefix(key, "max-") && hasValue {
		return errors.New("it takes no value")
	}
	return nil
}

// demoName is the namespace that is open to everybody whom the server lets in.
const demoName = "demo"

// demoNamespace has what the demos have, for clients of the hub.
func demoNamespace(b bounds) hub.Namespace {
	return hub.Namespace{
		Name:         demoName,
		History:      hub.History{Size: max(b.chat.History, 1), TTL: time.Hour},
		Presence:     hub.Presence{TTL: defaultPresence, Announce: true},
		MaxChannels:  b.rooms.Rooms,
		MaxMembers:   b.rooms.Seats,
		MaySubscribe: hub.Anyone,
		MayPublish:   hub.Anyone,
	}
}
