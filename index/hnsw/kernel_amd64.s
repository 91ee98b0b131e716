#include "textflag.h"

// Four rows at a time: their loads do not wait for each other, so that the way from memory is shared by rows that were not
// asked for before (touch).

// func touch(slab unsafe.Pointer, size uintptr, ids *uint32, n uintptr)
TEXT ·touch(SB), NOSPLIT, $0-32
	MOVQ  slab+0(FP), DI
	MOVQ  size+8(FP), DX
	MOVQ  ids+16(FP), BX
	MOVQ  n+24(FP), CX
	TESTQ CX, CX
	JZ    touched
touch1:
	MOVL  (BX), R8
	IMULQ DX, R8
	ADDQ  DI, R8
	XORQ  R12, R12
touch2:
	PREFETCHT0 (R8)(R12*1)
	ADDQ $64, R12
	CMPQ R12, DX
	JLT  touch2
	ADDQ $4, BX
	DECQ CX
	JNZ  touch1
touched:
	RET

// func dotsVNNI(q unsafe.Pointer, codes *byte, stride uintptr, ids *uint32, n uintptr, out *int32)
// q int8 [stride], codes uint8: VPDPBUSD multiplies unsigned by signed bytes and adds four products to each 32 bits.
TEXT ·dotsVNNI(SB), NOSPLIT, $0-48
	MOVQ q+0(FP), SI
	MOVQ codes+8(FP), DI
	MOVQ stride+16(FP), DX
	MOVQ ids+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ out+40(FP), AX
	ADDQ $3, CX
	SHRQ $2, CX
	JZ   done
rows:
	MOVL (BX), R8
	MOVL 4(BX), R9
	MOVL 8(BX), R10
	MOVL 12(BX), R11
	IMULQ DX, R8
	IMULQ DX, R9
	IMULQ DX, R10
	IMULQ DX, R11
	ADDQ DI, R8
	ADDQ DI, R9
	ADDQ DI, R10
	ADDQ DI, R11
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	XORQ R12, R12
block:
	VMOVDQU64 (SI)(R12*1), Z4
	VMOVDQU64 (R8)(R12*1), Z5
	VMOVDQU64 (R9)(R12*1), Z6
	VMOVDQU64 (R10)(R12*1), Z7
	VMOVDQU64 (R11)(R12*1), Z8
	VPDPBUSD Z4, Z5, Z0
	VPDPBUSD Z4, Z6, Z1
	VPDPBUSD Z4, Z7, Z2
	VPDPBUSD Z4, Z8, Z3
	ADDQ $64, R12
	CMPQ R12, DX
	JLT  block
	VEXTRACTI64X4 $1, Z0, Y4
	VEXTRACTI64X4 $1, Z1, Y5
	VEXTRACTI64X4 $1, Z2, Y6
	VEXTRACTI64X4 $1, Z3, Y7
	VPADDD Y4, Y0, Y0
	VPADDD Y5, Y1, Y1
	VPADDD Y6, Y2, Y2
	VPADDD Y7, Y3, Y3
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VMOVDQU X0, (AX)
	ADDQ $16, BX
	ADDQ $16, AX
	DECQ CX
	JNZ  rows
done:
	VZEROUPPER
	RET

// func dotsAVX2(q unsafe.Pointer, codes *byte, stride uintptr, ids *uint32, n uintptr, out *int32)
// q int16 [stride]: the byte forms of the multiplication would overflow 16 bits.
TEXT ·dotsAVX2(SB), NOSPLIT, $0-48
	MOVQ q+0(FP), SI
	MOVQ codes+8(FP), DI
	MOVQ stride+16(FP), DX
	MOVQ ids+24(FP), BX
	MOVQ n+32(FP), CX
	MOVQ out+40(FP), AX
	ADDQ $3, CX
	SHRQ $2, CX
	JZ   done2
rows2:
	MOVL (BX), R8
	MOVL 4(BX), R9
	MOVL 8(BX), R10
	MOVL 12(BX), R11
	IMULQ DX, R8
	IMULQ DX, R9
	IMULQ DX, R10
	IMULQ DX, R11
	ADDQ DI, R8
	ADDQ DI, R9
	ADDQ DI, R10
	ADDQ DI, R11
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	XORQ R12, R12
block2:
	VMOVDQU (SI)(R12*2), Y4
	VPMOVZXBW (R8)(R12*1), Y5
	VPMOVZXBW (R9)(R12*1), Y6
	VPMOVZXBW (R10)(R12*1), Y7
	VPMOVZXBW (R11)(R12*1), Y8
	VPMADDWD Y4, Y5, Y5
	VPMADDWD Y4, Y6, Y6
	VPMADDWD Y4, Y7, Y7
	VPMADDWD Y4, Y8, Y8
	VPADDD Y5, Y0, Y0
	VPADDD Y6, Y1, Y1
	VPADDD Y7, Y2, Y2
	VPADDD Y8, Y3, Y3
	ADDQ $16, R12
	CMPQ R12, DX
	JLT  block2
	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD X1, X0, X0
	VMOVDQU X0, (AX)
	ADDQ $16, BX
	ADDQ $16, AX
	DECQ CX
	JNZ  rows2
done2:
	VZEROUPPER
	RET

// func halfAVX512(q *float32, h *byte, n uintptr) float32
TEXT ·halfAVX512(SB), NOSPLIT, $0-28
	MOVQ q+0(FP), SI
	MOVQ h+8(FP), DI
	MOVQ n+16(FP), CX
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
half512:
	VCVTPH2PS (DI), Z2
	VCVTPH2PS 32(DI), Z3
	VFMADD231PS (SI), Z2, Z0
	VFMADD231PS 64(SI), Z3, Z1
	ADDQ $64, DI
	ADDQ $128, SI
	SUBQ $32, CX
	JG   half512
	VADDPS Z1, Z0, Z0
	VEXTRACTF64X4 $1, Z0, Y1
	VADDPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VHADDPS X0, X0, X0
	VHADDPS X0, X0, X0
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET

// func halfAVX2(q *float32, h *byte, n uintptr) float32
TEXT ·halfAVX2(SB), NOSPLIT, $0-28
	MOVQ q+0(FP), SI
	MOVQ h+8(FP), DI
	MOVQ n+16(FP), CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
half256:
	VCVTPH2PS (DI), Y2
	VCVTPH2PS 16(DI), Y3
	VFMADD231PS (SI), Y2, Y0
	VFMADD231PS 32(SI), Y3, Y1
	ADDQ $32, DI
	ADDQ $64, SI
	SUBQ $16, CX
	JG   half256
	VADDPS Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VHADDPS X0, X0, X0
	VHADDPS X0, X0, X0
	VMOVSS X0, ret+24(FP)
	VZEROUPPER
	RET
