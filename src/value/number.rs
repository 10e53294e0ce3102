//! Exact decimal numbers, as wide as the peer's 512-bit floats: 0.1 + 0.2 is 0.3.

use std::fmt;
use std::str::FromStr;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, ToPrimitive, Zero};

/// Decimal digits kept by division: what a 512-bit mantissa holds.
const DIGITS: u64 = 154;

/// Larger powers of ten are refused: their plain notation alone would take all memory.
const MAX_EXPONENT: i64 = 10_000;

/// A finite number of the template language.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(BigDecimal);

impl Number {
    /// Reads a decimal literal such as `-1.5e3`; nothing for other text and for exponents out of bounds.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = text.strip_prefix(['-', '+']).unwrap_or(text);
        let number = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && plain.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
        if !number || text.len() > 4096 {
            return None;
        }
        Self::bounded(&BigDecimal::from_str(text).ok()?)
    }

    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        Self::parse(&format!("{value:e}"))
    }

    fn bounded(value: &BigDecimal) -> Option<Self> {
        let value = value.normalized();
        (value.as_bigint_and_exponent().1.abs() <= MAX_EXPONENT).then_some(Self(value))
    }

    pub(crate) fn decimal(&self) -> &BigDecimal {
        &self.0
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.0.is_integer()
    }

    pub(crate) fn to_i64(&self) -> Option<i64> {
        if self.is_integer() { self.0.to_i64() } else { None }
    }

    pub(crate) fn to_bigint(&self) -> Option<BigInt> {
        self.is_integer().then(|| self.0.with_scale(0).into_bigint_and_exponent().0)
    }

    pub(crate) fn to_f64(&self) -> f64 {
        self.0.to_f64().unwrap_or(f64::NAN)
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    pub(crate) fn is_negative(&self) -> bool {
        self.0 < BigDecimal::zero()
    }

    pub(crate) fn add(&self, other: &Self) -> Option<Self> {
        Self::rounded(&self.0 + &other.0)
    }

    pub(crate) fn sub(&self, other: &Self) -> Option<Self> {
        Self::rounded(&self.0 - &other.0)
    }

    pub(crate) fn mul(&self, other: &Self) -> Option<Self> {
        Self::rounded(&self.0 * &other.0)
    }

    /// The quotient; nothing when `other` is zero.
    pub(crate) fn div(&self, other: &Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        // The library's own division ends after a hundred digits.
        let (divisor, scale) = other.0.as_bigint_and_exponent();
        let enough = i64::try_from(DIGITS + other.0.digits()).ok()? + 2;
        let (dividend, own_scale) = self.0.as_bigint_and_exponent();
        let shift = (enough - i64::try_from(self.0.digits()).ok()?).max(0);
        let dividend = dividend * BigInt::from(10).pow(u32::try_from(shift).ok()?);
        let quotient = BigDecimal::new(dividend / divisor, own_scale + shift - scale);
        Self::bounded(&if quotient.digits() > DIGITS { quotient.with_prec(DIGITS) } else { quotient })
    }

    /// The remainder with the sign of `self`; nothing when `other` is zero.
    pub(crate) fn rem(&self, other: &Self) -> Option<Self> {
        if other.is_zero() { None } else { Self::bounded(&(&self.0 % &other.0)) }
    }

    pub(crate) fn neg(&self) -> Self {
        Self(-&self.0)
    }

    pub(crate) fn abs(&self) -> Self {
        Self(self.0.abs())
    }

    pub(crate) fn floor(&self) -> Self {
        Self(self.0.with_scale_round(0, RoundingMode::Floor).normalized())
    }

    pub(crate) fn ceil(&self) -> Self {
        Self(self.0.with_scale_round(0, RoundingMode::Ceiling).normalized())
    }

    /// With two digits less than a quotient has: what is left of a third when it is taken three times goes.
    fn rounded(value: BigDecimal) -> Option<Self> {
        let value = if value.digits() > DIGITS - 2 { value.with_prec(DIGITS - 2) } else { value };
        Self::bounded(&value)
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(BigDecimal::from(value).normalized())
    }
}

impl From<BigInt> for Number {
    fn from(value: BigInt) -> Self {
        Self(BigDecimal::from(value).normalized())
    }
}

/// Plain notation without exponent, as the language prints numbers.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        Number::parse(text).unwrap()
    }

    #[test]
    fn arithmetic_is_exact() {
        assert_eq!(number("0.1").add(&number("0.2")).unwrap(), number("0.3"));
        assert_eq!(number("123456789012345678901234567890").to_string(), "123456789012345678901234567890");
        assert_eq!(number("1e3").to_string(), "1000");
        assert_eq!(number("10").div(&number("4")).unwrap().to_string(), "2.5");
        assert_eq!(number("-7").rem(&number("3")).unwrap().to_string(), "-1");
        assert_eq!(number("-1.5").floor().to_string(), "-2");
        assert!(number("1").div(&number("0")).is_none());
        let third = number("1").div(&number("3")).unwrap();
        assert_eq!(third.to_string().len(), 156);
        assert_eq!(third.mul(&number("3")).unwrap(), number("1"));
        assert_eq!(third.add(&third).unwrap().add(&third).unwrap(), number("1"));
    }

    #[test]
    fn rubbish_and_giants_are_refused() {
        for text in ["", "x", "1x", "--1", "inf", "nan", "1e99999999999", "1e20000"] {
            assert!(Number::parse(text).is_none(), "{text}");
        }
    }
}
