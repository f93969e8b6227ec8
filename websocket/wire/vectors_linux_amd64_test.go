//go:build !purego

package wire

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// What CPUID says is what the kernel says.
func TestDetectAVX2(t *testing.T) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(info)) {
		if name, flags, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "flags" {
			if want := slices.Contains(strings.Fields(flags), "avx2"); hasAVX2 != want {
				t.Errorf("AVX2: %v, want %v", hasAVX2, want)
			}
			return
		}
	}
	t.Skip("the kernel names no flags")
}

// Between two pages that may not be touched, neither Mask nor ValidText reads or
// writes a byte beyond.
func TestVectorsStayInside(t *testing.T) {
	size := os.Getpagesize()
	pages, err := syscall.Mmap(-1, 0, 3*size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(pages)
	for _, page := range [][]byte{pages[:size], pages[2*size:]} {
		if err := syscall.Mprotect(page, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	page := pages[size : 2*size]
	for _, of := range fillers {
		for n := range 700 {
			text := filler(of, n)
			for _, p := range [][]byte{page[:len(text)], page[size-len(text):]} {
				copy(p, text)
				key := Mask(p, 0x3d21fa37)
				Mask(p, 0x3d21fa37)
				if !ValidText(p) || string(p) != text || n%4 == 0 && of == "x" && key != 0x3d21fa37 {
					t.Fatalf("%d bytes of %q", n, of)
				}
			}
		}
	}
}
