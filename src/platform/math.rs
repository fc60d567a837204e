//! Two functions of the C library's mathematics, which zxcvbn calls, by the crate `libm`.
//!
//! Without them the system would load `libm.so.6` each time the program starts, which takes as
//! long as the decryption of a vault.

/// pow(3)
// SAFETY: whoever calls this name means the function of the C library, whose type and sense it has.
#[unsafe(no_mangle)]
extern "C" fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// log10(3)
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn log10(number: f64) -> f64 {
    libm::log10(number)
}

#[cfg(test)]
mod tests {
    #[test]
    fn they_are_right() {
        let hint = std::hint::black_box::<f64>;
        assert_eq!(hint(2.0).powf(10.5), 1_448.154_687_870_049_3);
        assert_eq!(hint(1e10).log10(), 10.0);
        assert_eq!(hint(5e-7).log10(), -6.301_029_995_663_981);
    }
}
