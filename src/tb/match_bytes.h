/* Steps of a comparison of bytes that bulk.S and libcall.S share; assembler macros only. */
#ifndef TIERCEL_TB_MATCH_BYTES_H
#define TIERCEL_TB_MATCH_BYTES_H

/* \result := 0 where the 32 bytes at \a and at \b differ or (\is_z) are 0; changes YMM8. */
    .macro match_bytes a, b, result, is_z
    vmovdqu \a, %ymm8
    vpcmpeqb \b, %ymm8, \result
    .if \is_z
    vpminub %ymm8, \result, \result
    .endif
    .endm

/* To \elsewhere unless none of the results in YMM9 to YMM12 has a zero; YMM15 is 0. */
    .macro match_four elsewhere
    vpminub %ymm9, %ymm10, %ymm10
    vpminub %ymm11, %ymm12, %ymm12
    vpminub %ymm10, %ymm12, %ymm12
    vpcmpeqb %ymm15, %ymm12, %ymm12
    vptest %ymm12, %ymm12
    jnz \elsewhere
    .endm

#endif
