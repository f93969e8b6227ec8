//go:build !purego

package wire

// hasAVX2 says whether the processor knows AVX2, and the system keeps the
// registers that it works in.
var hasAVX2 = detectAVX2()

// detectAVX2 asks as Intel's manual does, volume 1, §14.7.1: that CPUID may be
// asked for AVX2 at all; that it knows AVX, and XGETBV may be used; that XCR0
// has the bits of XMM and YMM; that it knows AVX2.
func detectAVX2() bool {
	const (
		osxsave = 1 << 27 // in ECX of leaf 1
		avx     = 1 << 28 // likewise
		ymm     = 1<<1 | 1<<2
		avx2    = 1 << 5 // in EBX of leaf 7
	)
	if leaves, _, _ := cpuid(0); leaves < 7 {
		return false
	}
	if _, _, ecx := cpuid(1); ecx&(osxsave|avx) != osxsave|avx || xgetbv()&ymm != ymm {
		return false
	}
	_, ebx, _ := cpuid(7)
	return ebx&avx2 != 0
}

// cpuid is the instruction of that name, for a leaf and its first subleaf.
//
//go:noescape
func cpuid(leaf uint32) (eax, ebx, ecx uint32)

// xgetbv returns the lower half of XCR0. Without OSXSAVE it is no instruction.
//
//go:noescape
func xgetbv() uint32
