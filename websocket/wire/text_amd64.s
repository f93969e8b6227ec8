//go:build !purego

#include "textflag.h"

// BYTES fills y, of which x is the lower half, with the byte v.
#define BYTES(v, x, y) \
	MOVL         $v, AX; \
	MOVD         AX, x;  \
	VPBROADCASTB x, y

// CHECK adds to the faults in Y8 what is wrong with the 32 bytes at SI+at, each
// together with the one before it: first byte in Y0, second in Y1. Where the
// byte two before begins three bytes, or that three before four, there must be
// two continuations, and elsewhere there must not.
#define CHECK(at) \
	VMOVDQU  (at-1)(SI), Y0; \
	VMOVDQU  at(SI), Y1;     \
	VMOVDQU  (at-2)(SI), Y2; \
	VMOVDQU  (at-3)(SI), Y3; \
	VPSRLW   $4, Y0, Y4;     \
	VPAND    Y0, Y9, Y5;     \
	VPSRLW   $4, Y1, Y6;     \
	VPAND    Y4, Y9, Y4;     \
	VPAND    Y6, Y9, Y6;     \
	VPSHUFB  Y4, Y13, Y4;    \
	VPSHUFB  Y5, Y14, Y5;    \
	VPSHUFB  Y6, Y15, Y6;    \
	VPSUBUSB Y11, Y2, Y2;    \
	VPSUBUSB Y12, Y3, Y3;    \
	VPAND    Y4, Y5, Y4;     \
	VPOR     Y2, Y3, Y2;     \
	VPAND    Y4, Y6, Y4;     \
	VPAND    Y2, Y10, Y2;    \
	VPXOR    Y2, Y4, Y4;     \
	VPOR     Y4, Y8, Y8

// func textAVX2(p *byte, n int, faults *[3][16]byte) bool
//
// 128 bytes a turn, which are good at once if they and the byte before are
// ASCII; then 32; and the last 32 again, for what is less.
TEXT ·textAVX2(SB), NOSPLIT, $0-25
	MOVQ p+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ faults+16(FP), BX
	LEAQ -32(SI)(CX*1), DX
	BYTES(0x0f, X9, Y9)
	BYTES(0x80, X10, Y10)
	BYTES(0x60, X11, Y11)  // E0 and more less this has the highest bit
	BYTES(0x70, X12, Y12)  // F0 and more less this
	VBROADCASTI128 0(BX), Y13
	VBROADCASTI128 16(BX), Y14
	VBROADCASTI128 32(BX), Y15
	VPXOR Y8, Y8, Y8
	SUBQ  $128, CX
	JL    few

many:
	VMOVDQU   -1(SI), Y0
	VMOVDQU   32(SI), Y1
	VPOR      0(SI), Y0, Y0
	VPOR      64(SI), Y1, Y1
	VPOR      96(SI), Y0, Y0
	VPOR      Y0, Y1, Y0
	VPMOVMSKB Y0, AX
	TESTL     AX, AX
	JZ        next
	CHECK(0)
	CHECK(32)
	CHECK(64)
	CHECK(96)

next:
	ADDQ $128, SI
	SUBQ $128, CX
	JGE  many

few:
	ADDQ $96, CX // of which 32 are the last
	JLE  last

one:
	CHECK(0)
	ADDQ $32, SI
	SUBQ $32, CX
	JG   one

last:
	MOVQ  DX, SI
	CHECK(0)
	VPTEST Y8, Y8
	SETEQ ret+24(FP)
	VZEROUPPER
	RET
