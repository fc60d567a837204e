//! QR codes (ISO/IEC 18004) of secrets: for a terminal, for plain text, and for SVG.

use qrcodegen_no_heap::{QrCode, QrCodeEcc, Version};
use zeroize::Zeroizing;

/// The light frame that a reader needs around a code, in modules (section 9.1 of the standard).
pub const QUIET_ZONE: usize = 4;

/// The squares of a QR code. They are the secret itself, and wiped when dropped.
pub struct Qr {
    size: usize,
    dark: Zeroizing<Vec<bool>>,
}

/// How much of a code may be unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resilience {
    /// 15 %: on a screen.
    Screen,
    /// 25 %: on paper, which is folded and stained.
    Paper,
}

impl Qr {
    /// The code of `text`. One of capitals, digits and `-`, as an age identity is, makes the
    /// smallest; `None` when it is longer than any code.
    #[must_use]
    pub fn of(text: &str, resilience: Resilience) -> Option<Self> {
        let level = match resilience {
            Resilience::Screen => QrCodeEcc::Medium,
            Resilience::Paper => QrCodeEcc::Quartile,
        };
        let mut work = Zeroizing::new(vec![0; Version::MAX.buffer_len()]);
        let mut buffer = Zeroizing::new(vec![0; Version::MAX.buffer_len()]);
        let code = QrCode::encode_text(
            text,
            &mut work,
            &mut buffer,
            level,
            Version::MIN,
            Version::MAX,
            None,
            true,
        )
        .ok()?;
        let size = code.size();
        let mut dark = Zeroizing::new(Vec::with_capacity((size * size).unsigned_abs() as usize));
        dark.extend(
            (0..size)
                .flat_map(|y| (0..size).map(move |x| (x, y)))
                .map(|(x, y)| code.get_module(x, y)),
        );
        Some(Self {
            size: size.unsigned_abs() as usize,
            dark,
        })
    }

    /// Modules on a side, with the quiet zone at both ends.
    #[must_use]
    pub fn width(&self) -> usize {
        self.size + 2 * QUIET_ZONE
    }

    /// Whether a module is dark; column and row count from the corner of the quiet zone.
    fn is_dark(&self, x: usize, y: usize) -> bool {
        let within = |at: usize| at.checked_sub(QUIET_ZONE).filter(|at| *at < self.size);
        match (within(x), within(y)) {
            (Some(x), Some(y)) => self.dark[y * self.size + x],
            _ => false,
        }
    }

    /// Lines of half blocks, two modules to a character. What is printed is what is dark: for
    /// dark ink on light paper.
    #[must_use]
    pub fn in_text(&self) -> Zeroizing<String> {
        self.half_blocks("", "")
    }

    /// The same for a terminal, black on white whatever its colours are: many readers do not
    /// take light on dark. The colours are of the 256 that no theme changes.
    #[must_use]
    pub fn on_a_terminal(&self) -> Zeroizing<String> {
        self.half_blocks("\u{1b}[38;5;16;48;5;231m", "\u{1b}[0m")
    }

    fn half_blocks(&self, before: &str, after: &str) -> Zeroizing<String> {
        const LONGEST_CHARACTER: usize = '█'.len_utf8();
        let width = self.width();
        let line = before.len() + width * LONGEST_CHARACTER + after.len() + 1;
        // Sized beforehand: a String that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(width.div_ceil(2) * line));
        for y in (0..width).step_by(2) {
            text.push_str(before);
            text.extend(
                (0..width).map(|x| match (self.is_dark(x, y), self.is_dark(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                }),
            );
            text.push_str(after);
            text.push('\n');
        }
        text
    }

    /// The dark modules as the `d` of an SVG path, one unit to a module.
    #[must_use]
    pub fn as_path(&self) -> Zeroizing<String> {
        // At most one move for every second module, such as `M12 34h1v1h-1z`.
        const LONGEST_MOVE: usize = 24;
        let width = self.width();
        let mut path = Zeroizing::new(String::with_capacity(width * width / 2 * LONGEST_MOVE));
        for y in 0..width {
            let mut x = 0;
            while x < width {
                let run = (x..width).take_while(|&x| self.is_dark(x, y)).count();
                if run > 0 {
                    path.push_str(&format!("M{x} {y}h{run}v1h-{run}z"));
                }
                x += run.max(1);
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_fits_a_small_terminal() {
        let identity = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
        let code = Qr::of(&identity, Resilience::Screen).expect("short enough");
        assert_eq!(code.width(), 41);
        assert_eq!(code.on_a_terminal().lines().count(), 21);
    }
}
