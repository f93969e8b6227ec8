//go:build !amd64 || purego

package wire

import "math"

// maskVectorMin says that no vectors are used here.
const maskVectorMin = math.MaxInt

func maskVectors([]byte, uint32) int { return 0 }
