//go:build !amd64 || purego

package wire

import (
	"math"
	"unicode/utf8"
)

// textVectorMin says that no vectors are used here.
const textVectorMin = math.MaxInt

func textVectors(p []byte) bool { return utf8.Valid(p) }
