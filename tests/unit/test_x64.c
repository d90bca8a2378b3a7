/* Unit tests of tier 1's encoder: each shape of instruction against the bytes that GNU as
 * gives for the text beside it (register moves: the form with the destination in reg). */
#include "src/base/bits.h"
#include "tier1/x64.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t buffer[64];
static struct x64 x;

static void start(void)
{
    memset(buffer, 0xcc, sizeof buffer);
    x = (struct x64){.out = buffer, .start = buffer, .limit = buffer + sizeof buffer};
}

static struct x64_mem indexed(unsigned base, unsigned index, unsigned scale, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, (uint8_t)index, (uint8_t)scale, 0, disp};
}

static struct x64_mem in_gs(unsigned base, int32_t disp)
{
    return (struct x64_mem){(uint8_t)base, X64_NO_INDEX, 0, X64_GS, disp};
}

static void expect(const char *text, const char *bytes)
{
    char got[3 * sizeof buffer + 1] = "";
    for (const uint8_t *at = buffer; at < x.out; at++)
        sprintf(got + strlen(got), at == buffer ? "%02x" : " %02x", *at);
    ck_assert_msg(strcmp(got, bytes) == 0, "%s: %s, expected %s", text, got, bytes);
}

/* ROW(assembly, its bytes, the call that makes them) */
#define ROWS                                                                                       \
    ROW("mov r8, [r12+0x150]", "4d 8b 84 24 50 01 00 00",                                          \
        x64_load(&x, X64_R8, x64_at(X64_R12, 0x150)))                                              \
    ROW("mov rax, [r13]", "49 8b 45 00",                                                           \
        x64_load(&x, X64_RAX, x64_at(X64_R13, 0)))                                                 \
    ROW("mov rax, [rbp]", "48 8b 45 00",                                                           \
        x64_load(&x, X64_RAX, x64_at(X64_RBP, 0)))                                                 \
    ROW("mov rax, [rsp]", "48 8b 04 24",                                                           \
        x64_load(&x, X64_RAX, x64_at(X64_RSP, 0)))                                                 \
    ROW("mov r15, [rbx]", "4c 8b 3b",                                                              \
        x64_load(&x, X64_R15, x64_at(X64_RBX, 0)))                                                 \
    ROW("mov rcx, [rbx-128]", "48 8b 4b 80",                                                       \
        x64_load(&x, X64_RCX, x64_at(X64_RBX, -128)))                                              \
    ROW("mov rcx, [rbx+128]", "48 8b 8b 80 00 00 00",                                              \
        x64_load(&x, X64_RCX, x64_at(X64_RBX, 128)))                                               \
    ROW("mov r9, [r13+rbp*1]", "4d 8b 4c 2d 00",                                                   \
        x64_load(&x, X64_R9, indexed(X64_R13, X64_RBP, 0, 0)))                                     \
    ROW("mov r9, [r13+r12*1+4]", "4f 8b 4c 25 04",                                                 \
        x64_load(&x, X64_R9, indexed(X64_R13, X64_R12, 0, 4)))                                     \
    ROW("lea r10, [rax+r11*8]", "4e 8d 14 d8",                                                     \
        x64_lea(&x, X64_W, X64_R10, indexed(X64_RAX, X64_R11, 3, 0)))                              \
    ROW("lea eax, [rbp+rdi*2]", "8d 44 7d 00",                                                     \
        x64_lea(&x, 0, X64_RAX, indexed(X64_RBP, X64_RDI, 1, 0)))                                  \
    ROW("mov [r12+8], r14", "4d 89 74 24 08",                                                      \
        x64_store(&x, x64_at(X64_R12, 8), X64_R14))                                                \
    ROW("mov byte ptr [rax], 0x7f", "c6 00 7f",                                                    \
        x64_store_i(&x, x64_at(X64_RAX, 0), 8, 0x7f))                                              \
    ROW("mov r9d, gs:[r13]", "65 45 8b 4d 00",                                                     \
        x64_rm(&x, 0x8b, X64_R9, in_gs(X64_R13, 0)))                                               \
    ROW("mov rax, gs:[0x12345678]", "65 48 8b 04 25 78 56 34 12",                                  \
        x64_load(&x, X64_RAX, in_gs(X64_NO_REG, 0x12345678)))                                      \
    ROW("mov rax, ds:[0x12345678]", "48 8b 04 25 78 56 34 12",                                     \
        x64_load(&x, X64_RAX, x64_at(X64_NO_REG, 0x12345678)))                                     \
    ROW("lock xadd gs:[rbx], r10", "65 f0 4c 0f c1 13",                                            \
        x64_rm(&x, 0xc1 | X64_0F | X64_LOCK | X64_W, X64_R10, in_gs(X64_RBX, 0)))                  \
    ROW("mov word ptr gs:[rsi+6], 0x1234", "65 66 c7 46 06 34 12",                                 \
        x64_store_i(&x, in_gs(X64_RSI, 6), 16, 0x1234))                                            \
    ROW("vmovsd xmm3, gs:[r14]", "65 c4 c1 7b 10 1e",                                              \
        x64_vex_rm(&x, 0x10 | X64_0F | X64_F2, 3, 0, in_gs(X64_R14, 0)))                           \
    ROW("mov word ptr [r13+rsi*1+6], 0x1234", "66 41 c7 44 35 06 34 12",                           \
        x64_store_i(&x, indexed(X64_R13, X64_RSI, 0, 6), 16, 0x1234))                              \
    ROW("mov dword ptr [r12+0x208], -1", "41 c7 84 24 08 02 00 00 ff ff ff ff",                    \
        x64_store_i(&x, x64_at(X64_R12, 0x208), 32, -1))                                           \
    ROW("mov qword ptr [r12], -2", "49 c7 04 24 fe ff ff ff",                                      \
        x64_store_i(&x, x64_at(X64_R12, 0), 64, -2))                                               \
    ROW("mov rdi, r11", "49 8b fb",                                                                \
        x64_mov_rr(&x, X64_RDI, X64_R11))                                                          \
    ROW("mov eax, 7", "b8 07 00 00 00",                                                            \
        x64_mov_ri(&x, X64_RAX, 7))                                                                \
    ROW("mov r10d, 0xffffffff", "41 ba ff ff ff ff",                                               \
        x64_mov_ri(&x, X64_R10, UINT32_MAX))                                                       \
    ROW("mov rbx, -5", "48 c7 c3 fb ff ff ff",                                                     \
        x64_mov_ri(&x, X64_RBX, (uint64_t)-5))                                                     \
    ROW("movabs r15, 0x123456789abcdef0", "49 bf f0 de bc 9a 78 56 34 12",                         \
        x64_mov_ri(&x, X64_R15, UINT64_C(0x123456789abcdef0)))                                     \
    ROW("add rsi, 127", "48 83 c6 7f",                                                             \
        x64_alu_ri(&x, X64_ADD, X64_W, X64_RSI, 127))                                              \
    ROW("cmp r9d, -129", "41 81 f9 7f ff ff ff",                                                   \
        x64_alu_ri(&x, X64_CMP, 0, X64_R9, -129))                                                  \
    ROW("cmp dword ptr [r12+0x208], 0", "41 83 bc 24 08 02 00 00 00",                              \
        x64_alu_mi(&x, X64_CMP, 0, x64_at(X64_R12, 0x208), 0))                                     \
    ROW("add qword ptr [r12+0x1000], 1000", "49 81 84 24 00 10 00 00 e8 03 00 00",                 \
        x64_alu_mi(&x, X64_ADD, X64_W, x64_at(X64_R12, 0x1000), 1000))                             \
    ROW("test r8, r8", "4d 85 c0",                                                                 \
        x64_test_rr(&x, X64_W, X64_R8, X64_R8))                                                    \
    ROW("shl edi, 31", "c1 e7 1f",                                                                 \
        x64_shift_i(&x, X64_SHL, 0, X64_RDI, 31))                                                  \
    ROW("sar r14, 63", "49 c1 fe 3f",                                                              \
        x64_shift_i(&x, X64_SAR, X64_W, X64_R14, 63))                                              \
    ROW("ror rbp, cl", "48 d3 cd",                                                                 \
        x64_shift_cl(&x, X64_ROR, X64_W, X64_RBP))                                                 \
    ROW("idiv r10", "49 f7 fa",                                                                    \
        x64_f7(&x, X64_IDIV, X64_W, X64_R10))                                                      \
    ROW("neg eax", "f7 d8",                                                                        \
        x64_f7(&x, X64_NEG, 0, X64_RAX))                                                           \
    ROW("setb al", "0f 92 c0",                                                                     \
        x64_setcc(&x, X64_B, X64_RAX))                                                             \
    ROW("setg sil", "40 0f 9f c6",                                                                 \
        x64_setcc(&x, X64_G, X64_RSI))                                                             \
    ROW("sete r9b", "41 0f 94 c1",                                                                 \
        x64_setcc(&x, X64_E, X64_R9))                                                              \
    ROW("movzx eax, dil", "40 0f b6 c7",                                                           \
        x64_rr(&x, 0xb6 | X64_0F | X64_BYTE_RM, X64_RAX, X64_RDI))                                 \
    ROW("movsx r11, byte ptr [r13+rcx*1]", "4d 0f be 5c 0d 00",                                    \
        x64_rm(&x, 0xbe | X64_0F | X64_W, X64_R11, indexed(X64_R13, X64_RCX, 0, 0)))               \
    ROW("mov [r13+rax*1], sil", "41 88 74 05 00",                                                  \
        x64_rm(&x, 0x88 | X64_BYTE_REG, X64_RSI, indexed(X64_R13, X64_RAX, 0, 0)))                 \
    ROW("lock xadd [r13+rbx*1], r10", "f0 4d 0f c1 54 1d 00",                                      \
        x64_rm(&x, 0xc1 | X64_0F | X64_LOCK | X64_W, X64_R10, indexed(X64_R13, X64_RBX, 0, 0)))    \
    ROW("lock cmpxchg [r13+rbx*1], ecx", "f0 41 0f b1 4c 1d 00",                                   \
        x64_rm(&x, 0xb1 | X64_0F | X64_LOCK, X64_RCX, indexed(X64_R13, X64_RBX, 0, 0)))            \
    ROW("lzcnt rax, r15", "f3 49 0f bd c7",                                                        \
        x64_rr(&x, 0xbd | X64_0F | X64_F3 | X64_W, X64_RAX, X64_R15))                              \
    ROW("cmovl edi, r8d", "41 0f 4c f8",                                                           \
        x64_cmov(&x, X64_L, 0, X64_RDI, x64_reg_operand(X64_R8)))                                  \
    ROW("addsd xmm3, xmm12", "f2 41 0f 58 dc",                                                     \
        x64_rr(&x, 0x58 | X64_0F | X64_F2, 3, 12))                                                 \
    ROW("movq xmm9, rax", "66 4c 0f 6e c8",                                                        \
        x64_rr(&x, 0x6e | X64_0F | X64_66 | X64_W, 9, X64_RAX))                                    \
    ROW("vaddsd xmm1, xmm2, xmm3", "c5 eb 58 cb",                                                  \
        x64_vex_rr(&x, 0x58 | X64_0F | X64_F2, 1, 2, 3))                                           \
    ROW("vaddsd xmm9, xmm10, xmm11", "c4 41 2b 58 cb",                                             \
        x64_vex_rr(&x, 0x58 | X64_0F | X64_F2, 9, 10, 11))                                         \
    ROW("vmovsd xmm0, [r12+0x150]", "c4 c1 7b 10 84 24 50 01 00 00",                               \
        x64_vex_rm(&x, 0x10 | X64_0F | X64_F2, 0, 0, x64_at(X64_R12, 0x150)))                      \
    ROW("vmovsd [r13+r14*1], xmm15", "c4 01 7b 11 7c 35 00",                                       \
        x64_vex_rm(&x, 0x11 | X64_0F | X64_F2, 15, 0, indexed(X64_R13, X64_R14, 0, 0)))            \
    ROW("vfmadd213sd xmm4, xmm5, xmm6", "c4 e2 d1 a9 e6",                                          \
        x64_vex_rr(&x, 0xa9 | X64_0F38 | X64_66 | X64_W, 4, 5, 6))                                 \
    ROW("shlx rdi, r8, r9", "c4 c2 b1 f7 f8",                                                      \
        x64_vex_rr(&x, 0xf7 | X64_0F38 | X64_66 | X64_W, X64_RDI, X64_R9, X64_R8))                 \
    ROW("andn ebx, ecx, [r12+16]", "c4 c2 70 f2 5c 24 10",                                         \
        x64_vex_rm(&x, 0xf2 | X64_0F38, X64_RBX, X64_RCX, x64_at(X64_R12, 16)))                    \
    ROW("vcvtsi2sd xmm1, xmm1, r14", "c4 c1 f3 2a ce",                                             \
        x64_vex_rr(&x, 0x2a | X64_0F | X64_F2 | X64_W, 1, 1, X64_R14))                             \
    ROW("jmp [r12+0x270]", "41 ff a4 24 70 02 00 00",                                              \
        x64_jmp_mem(&x, x64_at(X64_R12, 0x270)))                                                   \
    ROW("call [r12+0x288]", "41 ff 94 24 88 02 00 00",                                             \
        x64_call_mem(&x, x64_at(X64_R12, 0x288)))

START_TEST(instructions_are_encoded)
{
#define ROW(text, bytes, call)                                                                     \
    start();                                                                                       \
    call;                                                                                          \
    expect(text, bytes);
    ROWS
#undef ROW
}
END_TEST

START_TEST(nops_have_their_sizes)
{
    for (unsigned size = 0; size <= 8; size++) {
        start();
        x64_nop(&x, size);
        ck_assert_uint_eq(x64_offset(&x), size);
    }
}
END_TEST

START_TEST(jumps_are_patched)
{
    start();
    uint32_t over = x64_jcc(&x, X64_NE);
    uint32_t back = x64_jmp(&x);
    x64_patch_rel32(&x, back, 0);
    x64_patch_rel32(&x, over, x64_offset(&x));
    expect("jne over; jmp back", "0f 85 05 00 00 00 e9 f5 ff ff ff");
}
END_TEST

/* The executable view lies 0x1000 above: distances count from there. */
START_TEST(rip_relative_operands_use_the_executable_address)
{
    start();
    x.x_minus_w = 0x1000;
    x64_rip(&x, 0x8b | X64_W, X64_RAX, (const void *)((uintptr_t)buffer + 0x1100), 0);
    expect("mov rax, [rip + 0xf9]", "48 8b 05 f9 00 00 00");
    start();
    x.x_minus_w = 0x1000;
    x64_jcc_to(&x, X64_S, (const void *)((uintptr_t)buffer + 0x1000));
    expect("js here", "0f 88 fa ff ff ff");
}
END_TEST

START_TEST(room_is_sticky)
{
    start();
    ck_assert(x64_room(&x, sizeof buffer));
    ck_assert(!x64_room(&x, sizeof buffer + 1));
    ck_assert(!x64_room(&x, 1));
    ck_assert(x.failed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("x64");
    TCase *tcase = tcase_create("x64");
    tcase_add_test(tcase, instructions_are_encoded);
    tcase_add_test(tcase, nops_have_their_sizes);
    tcase_add_test(tcase, jumps_are_patched);
    tcase_add_test(tcase, rip_relative_operands_use_the_executable_address);
    tcase_add_test(tcase, room_is_sticky);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
