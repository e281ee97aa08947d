#include "textflag.h"

// func old(number, a, b uintptr) int32
TEXT ·old(SB), NOSPLIT, $0-28
	MOVQ number+0(FP), AX
	MOVQ a+8(FP), BX
	MOVQ b+16(FP), CX
	INT  $0x80
	MOVL AX, ret+24(FP)
	RET
