//! Examples at the end of a command's help.

/// The text for `after_long_help`: lines that run as they are, and what else stands behind them.
/// `tests/it/docs/help.rs` runs them all. Put together by the compiler, since every start pays
/// for the definitions.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!("\x1b[1m\x1b[4mExamples:\x1b[0m", $("\n  ", $line),+)
    };
    ($($line:literal),+; $more:literal) => {
        concat!(examples!($($line),+), "\n\n", $more)
    };
}
