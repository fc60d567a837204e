//! Sizes of memory as people write them: `256MiB`, `4GiB`.

use std::str::FromStr;

/// A count, for a flag. The error of the standard library would repeat what was typed.
///
/// # Errors
/// When it is not a number, or too large a one.
pub fn count(text: &str) -> Result<u32, &'static str> {
    text.parse()
        .map_err(|_| "it is not a number from 0 to 4294967295")
}

/// An amount of memory, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u32);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "a size is a number and KiB, MiB or GiB, such as 256MiB";
        let digits = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
            "k" | "kib" => 1,
            "m" | "mib" => 1024,
            "g" | "gib" => 1024 * 1024,
            _ => return Err(wrong),
        };
        let number: u32 = number.parse().map_err(|_| wrong)?;
        number
            .checked_mul(factor)
            .map(Self)
            .ok_or("a size is less than 4 TiB")
    }
}

impl TryFrom<String> for Size {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_a_unit() {
        assert_eq!("256MiB".parse(), Ok(Size(262_144)));
        assert_eq!("19 mib".parse(), Ok(Size(19_456)));
        assert_eq!("4GiB".parse(), Ok(Size(4_194_304)));
        assert_eq!("64k".parse(), Ok(Size(64)));
        for wrong in [
            "",
            "256",
            "MiB",
            "-1MiB",
            "1.5GiB",
            "4096GiB",
            "99999999999GiB",
        ] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }
}
