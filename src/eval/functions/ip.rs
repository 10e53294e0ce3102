//! Address ranges of IPv4 and IPv6.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bigdecimal::ToPrimitive as _;
use bigdecimal::num_bigint::BigInt;

use super::{Args, Function, FunctionError, NUMBER, Result, TEXT, fixed, variadic};
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("cidrhost", &[TEXT, NUMBER], cidrhost),
    fixed("cidrnetmask", &[TEXT], cidrnetmask),
    fixed("cidrsubnet", &[TEXT, NUMBER, NUMBER], cidrsubnet),
    variadic("cidrsubnets", &[TEXT], NUMBER, cidrsubnets),
];

/// The first addresses of a length; `bits` is 32 or 128, and an address is a number of so many bits.
#[derive(Clone, Copy)]
struct Prefix {
    start: u128,
    length: u32,
    bits: u32,
}

impl Prefix {
    /// Reads `10.1.2.3/8`; bits behind the prefix are dropped.
    fn read(a: &Args<'_>) -> Result<Self> {
        let text = a.text(0)?;
        let wrong = || FunctionError::at(0, format!("{text:?} is no address range such as \"10.0.0.0/8\""));
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let (address, bits) = match address.parse().map_err(|_| wrong())? {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let digits = length.bytes().all(|byte| byte.is_ascii_digit());
        let length: u32 = length.parse().ok().filter(|length| digits && *length <= bits).ok_or_else(wrong)?;
        let mut prefix = Self { start: 0, length, bits };
        prefix.start = address & !prefix.last_host();
        Ok(prefix)
    }

    /// All bits behind the prefix.
    fn last_host(self) -> u128 {
        u128::MAX.checked_shr(128 - (self.bits - self.length)).unwrap_or(0)
    }

    fn address(self, number: u128) -> IpAddr {
        match u32::try_from(number) {
            Ok(number) if self.bits == 32 => Ipv4Addr::from_bits(number).into(),
            _ => Ipv6Addr::from_bits(number).into(),
        }
    }

    fn show(self) -> String {
        format!("{}/{}", self.address(self.start), self.length)
    }

    /// The length of ranges that are `more` bits smaller.
    fn longer(self, more: i64, argument: usize) -> Result<u32> {
        let more = u32::try_from(more);
        let more = more.map_err(|_| FunctionError::at(argument, "the number of new bits must not be negative"))?;
        let length = self.length.checked_add(more).filter(|length| *length <= self.bits);
        length.ok_or_else(|| {
            FunctionError::at(argument, format!("a prefix of {} bits cannot be extended by {more}", self.length))
        })
    }
}

fn cidrhost(a: &Args<'_>) -> Result<Value> {
    let prefix = Prefix::read(a)?;
    let wrong = || FunctionError::at(1, format!("{} has no host with this number", prefix.show()));
    let number = a.number(1)?.to_bigint().ok_or_else(|| FunctionError::at(1, "a whole number is required"))?;
    // Negative numbers count from the end.
    let number = if number.sign() == bigdecimal::num_bigint::Sign::Minus {
        BigInt::from(prefix.last_host()) + 1 + number
    } else {
        number
    };
    let host = number.to_u128().filter(|host| *host <= prefix.last_host()).ok_or_else(wrong)?;
    Ok(prefix.address(prefix.start | host).to_string().into())
}

fn cidrnetmask(a: &Args<'_>) -> Result<Value> {
    let prefix = Prefix::read(a)?;
    if prefix.bits != 32 {
        return Err(FunctionError::at(0, "only IPv4 has netmasks"));
    }
    Ok(prefix.address(u128::from(u32::MAX) & !prefix.last_host()).to_string().into())
}

fn cidrsubnet(a: &Args<'_>) -> Result<Value> {
    let prefix = Prefix::read(a)?;
    let more = a.integer(1)?;
    let length = prefix.longer(more, 1)?;
    let number = a.number(2)?.to_bigint().and_then(|number| number.to_u128());
    let fits = |number: &u128| number.checked_shr(length - prefix.length).unwrap_or(0) == 0;
    let number = number
        .filter(fits)
        .ok_or_else(|| FunctionError::at(2, format!("an extension by {more} bits has no range with this number")))?;
    let start = prefix.start | number.checked_shl(prefix.bits - length).unwrap_or(0);
    Ok(Prefix { start, length, ..prefix }.show().into())
}

/// Ranges one behind the other, each at the next multiple of its own size.
fn cidrsubnets(a: &Args<'_>) -> Result<Value> {
    let prefix = Prefix::read(a)?;
    let end = prefix.start | prefix.last_host();
    let mut next = Some(prefix.start);
    let mut ranges = Vec::new();
    for argument in 1..a.len() {
        let length = prefix.longer(a.integer(argument)?, argument)?;
        if length == prefix.length {
            return Err(FunctionError::at(argument, "at least one new bit is required"));
        }
        let mut range = Prefix { length, ..prefix };
        let full = || FunctionError::at(argument, format!("{} has no room left for a /{length}", prefix.show()));
        let size = range.last_host();
        range.start = next.and_then(|next| next.checked_add(size)).ok_or_else(full)? & !size;
        let last = range.start | size;
        if last > end {
            return Err(full());
        }
        next = last.checked_add(1);
        ranges.push(range.show().into());
    }
    Ok(Value::list(Type::String, ranges))
}
