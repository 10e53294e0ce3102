//! Ids that tell their age: UUIDs whose first eight digits are the Unix time in seconds, as the peer makes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::Rng as _;

/// A new id, such as `69231f3a-1b2c-...`.
pub(crate) fn time_ordered() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let random: [u16; 6] = rand::rng().random();
    let [a, b, c, d, e, f] = random;
    format!("{:08x}-{a:04x}-{b:04x}-{c:04x}-{d:04x}{e:04x}{f:04x}", now & 0xffff_ffff)
}

/// When an id of [`time_ordered`] was made; nothing for other texts.
pub(crate) fn made_at(id: &str) -> Option<SystemTime> {
    let seconds = id.get(..8).filter(|_| id.len() == 36)?;
    let seconds = u64::from_str_radix(seconds, 16).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_when_it_was_made() {
        let before = SystemTime::now() - Duration::from_secs(2);
        let id = time_ordered();
        assert!(uuid::Uuid::parse_str(&id).is_ok(), "{id}");
        let made = made_at(&id).unwrap();
        assert!(made > before && made <= SystemTime::now(), "{id}");
        assert_ne!(id, time_ordered());
        assert_eq!(made_at("not an id"), None);
    }
}
