package main

import (
	"fmt"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/cmd/wye/connect/target"
	"github.com/wye-org/wye/h2"
	"github.com/wye-org/wye/h3"
)

// carriersOf reads --carrier. end has to be called before the process ends: it
// waits, up to a second, for last words that are still on their way.
func carriersOf(flag, rawURL string, network *target.Network) (carriers []wye.Carrier, end func(), err error) {
	over2, over3 := new(h2.Transport), &h3.Client{Resolve: network.UDP}
	switch flag {
	case "":
		return nil, func() {}, nil
	case "h1":
		carriers = []wye.Carrier{wye.HTTP1{}}
	case "h2":
		carriers = []wye.Carrier{over2}
	case "h3":
		carriers = []wye.Carrier{over3}
	case "auto":
		if target.Secure(rawURL) {
			carriers = append(carriers, over3, over2)
		}
		carriers = append(carriers, wye.HTTP1{})
	default:
		return nil, nil, fmt.Errorf("--carrier %s: want h1, h2, h3 or auto", flag)
	}
	return carriers, func() { over2.Close(); over3.Wait() }, nil
}
