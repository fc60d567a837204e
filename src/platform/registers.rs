//! Clearing the vector registers.
//!
//! Ciphers and copies of memory work in them and leave them as they are. Whatever saves all
//! registers next, such as the dynamic linker at the first call of a function or a signal, has
//! them written to the stack: keys on a stack that was just wiped.

/// Overwrites the vector registers of this thread that functions need not preserve. On other
/// processors than x86-64 nothing is done.
#[inline(never)]
pub(super) fn clear_vector_registers() {
    #[cfg(target_arch = "x86_64")]
    x86_64::clear();
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use std::arch::asm;
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    use std::sync::OnceLock;

    /// Which of them there are, and are saved by the system.
    #[derive(Clone, Copy)]
    enum Registers {
        /// XMM0 to XMM15.
        Sse,
        /// YMM0 to YMM15.
        Avx,
        /// ZMM0 to ZMM31.
        Avx512,
    }

    /// Asked once: under a hypervisor `cpuid` takes as long as several system calls.
    static REGISTERS: OnceLock<Registers> = OnceLock::new();

    /// Intel 64 Architectures Software Developer's Manual, volume 1, sections 14.3 and 15.2.
    fn registers() -> Registers {
        const OSXSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
        // The states of XMM and YMM; and those of opmasks, ZMM0 to ZMM15, and ZMM16 to ZMM31.
        const AVX_STATE: u32 = 0b110;
        const AVX512_STATE: u32 = 0b1110_0110;
        // In EBX of leaf 7.
        const AVX512_F: u32 = 1 << 16;
        if __cpuid(1).ecx & OSXSAVE_AND_AVX != OSXSAVE_AND_AVX {
            return Registers::Sse;
        }
        let enabled: u32;
        // SAFETY: with OSXSAVE there is the instruction and XCR0, which it reads into EDX:EAX.
        unsafe {
            asm!("xgetbv", in("ecx") 0, out("eax") enabled, out("edx") _, options(nomem, nostack));
        }
        match enabled {
            state
                if state & AVX512_STATE == AVX512_STATE
                    && __cpuid_count(7, 0).ebx & AVX512_F != 0 =>
            {
                Registers::Avx512
            }
            state if state & AVX_STATE == AVX_STATE => Registers::Avx,
            _ => Registers::Sse,
        }
    }

    pub(super) fn clear() {
        let registers = *REGISTERS.get_or_init(registers);
        // SAFETY: each instruction is one of a set that `registers` found to be usable, and
        // writes to no memory; that the registers change is said by `clobber_abi`.
        unsafe {
            match registers {
                Registers::Sse => asm!(
                    "pxor xmm0, xmm0",
                    "pxor xmm1, xmm1",
                    "pxor xmm2, xmm2",
                    "pxor xmm3, xmm3",
                    "pxor xmm4, xmm4",
                    "pxor xmm5, xmm5",
                    "pxor xmm6, xmm6",
                    "pxor xmm7, xmm7",
                    "pxor xmm8, xmm8",
                    "pxor xmm9, xmm9",
                    "pxor xmm10, xmm10",
                    "pxor xmm11, xmm11",
                    "pxor xmm12, xmm12",
                    "pxor xmm13, xmm13",
                    "pxor xmm14, xmm14",
                    "pxor xmm15, xmm15",
                    clobber_abi("sysv64"),
                    options(nomem, nostack)
                ),
                Registers::Avx => {
                    asm!("vzeroall", clobber_abi("sysv64"), options(nomem, nostack));
                }
                Registers::Avx512 => asm!(
                    "vpxord zmm16, zmm16, zmm16",
                    "vpxord zmm17, zmm17, zmm17",
                    "vpxord zmm18, zmm18, zmm18",
                    "vpxord zmm19, zmm19, zmm19",
                    "vpxord zmm20, zmm20, zmm20",
                    "vpxord zmm21, zmm21, zmm21",
                    "vpxord zmm22, zmm22, zmm22",
                    "vpxord zmm23, zmm23, zmm23",
                    "vpxord zmm24, zmm24, zmm24",
                    "vpxord zmm25, zmm25, zmm25",
                    "vpxord zmm26, zmm26, zmm26",
                    "vpxord zmm27, zmm27, zmm27",
                    "vpxord zmm28, zmm28, zmm28",
                    "vpxord zmm29, zmm29, zmm29",
                    "vpxord zmm30, zmm30, zmm30",
                    "vpxord zmm31, zmm31, zmm31",
                    "vzeroall",
                    clobber_abi("sysv64"),
                    options(nomem, nostack)
                ),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_was_in_them_is_gone() {
            registers_are_cleared(clear);
        }

        #[test]
        fn what_is_not_cleared_is_seen() {
            let seen = std::panic::catch_unwind(|| registers_are_cleared(|| {}));
            assert!(seen.is_err());
        }

        fn registers_are_cleared(clear: fn()) {
            let mut found = [0_u64; 2];
            // SAFETY: SSE2 is there on every x86-64; the function that is called is of the
            // C calling convention as far as this goes: it takes nothing and gives nothing.
            unsafe {
                asm!(
                    "movq xmm7, {mark}",
                    "movq xmm14, {mark}",
                    mark = in(reg) 0x6d61_726b_6d61_726b_u64,
                    out("xmm7") _, out("xmm14") _,
                    options(nomem, nostack)
                );
            }
            clear();
            // SAFETY: as above; reads two registers.
            unsafe {
                asm!(
                    "movq {}, xmm7",
                    "movq {}, xmm14",
                    out(reg) found[0],
                    out(reg) found[1],
                    options(nomem, nostack)
                );
            }
            assert_eq!(found, [0, 0]);
        }
    }
}
