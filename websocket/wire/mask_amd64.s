//go:build !purego

#include "textflag.h"

// func maskAVX2(p *byte, n int, key uint32)
//
// 128 bytes a turn, and then 32.
TEXT ·maskAVX2(SB), NOSPLIT, $0-20
	MOVQ         p+0(FP), DI
	MOVQ         n+8(FP), CX
	MOVL         key+16(FP), AX
	MOVD         AX, X0
	VPBROADCASTD X0, Y0
	SUBQ         $128, CX
	JL           few

many:
	VPXOR   0(DI), Y0, Y1
	VPXOR   32(DI), Y0, Y2
	VPXOR   64(DI), Y0, Y3
	VPXOR   96(DI), Y0, Y4
	VMOVDQU Y1, 0(DI)
	VMOVDQU Y2, 32(DI)
	VMOVDQU Y3, 64(DI)
	VMOVDQU Y4, 96(DI)
	ADDQ    $128, DI
	SUBQ    $128, CX
	JGE     many

few:
	ADDQ $128, CX
	JZ   done

one:
	VPXOR   0(DI), Y0, Y1
	VMOVDQU Y1, 0(DI)
	ADDQ    $32, DI
	SUBQ    $32, CX
	JNZ     one

done:
	VZEROUPPER
	RET
