//! What listens, of the kernel's tables in `/proc/net`: no program is needed for it.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// From here on ports are the kernel's to give: they are others after every start.
const GIVEN: u16 = 32_768;
/// States of a socket: of TCP that it listens, of UDP that it is bound and talks to nobody.
const TCP_LISTENS: &str = "0A";
const UDP_WAITS: &str = "07";

#[derive(Debug, Default)]
pub(super) struct Reader {
    /// `tcp`, `tcp6`, `udp`, `udp6`.
    kind: String,
    found: BTreeSet<String>,
}

impl Reader {
    /// `= tcp` before a table, then a heading and a row for each socket.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(kind) = line.strip_prefix("= ") {
            kind.clone_into(&mut self.kind);
        } else if let Some(found) = row(&self.kind, line)
            && self.found.len() < 65_536
        {
            self.found.insert(found);
        }
    }

    pub(super) fn finish(self) -> Vec<String> {
        self.found.into_iter().collect()
    }
}

fn row(kind: &str, line: &str) -> Option<String> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, _, state) = (words.next()?, words.next()?, words.next()?);
    let protocol = kind.get(..3)?;
    let wanted = if protocol == "tcp" { TCP_LISTENS } else { UDP_WAITS };
    let (address, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if state != wanted || port >= GIVEN {
        return None;
    }
    Some(match kind.ends_with('6') {
        true => format!("{protocol} [{}]:{port}", six(address)?),
        false => format!("{protocol} {}:{port}", Ipv4Addr::from(word(address)?)),
    })
}

/// The kernel prints words of memory as numbers, so on machines of our days the last byte comes first.
fn word(text: &str) -> Option<[u8; 4]> {
    (text.len() == 8).then(|| u32::from_str_radix(text, 16).ok().map(u32::to_le_bytes))?
}

fn six(text: &str) -> Option<Ipv6Addr> {
    let mut bytes = [0; 16];
    for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
        four.copy_from_slice(&word(text.get(at * 8..at * 8 + 8)?)?);
    }
    Some(bytes.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_addresses() {
        let mut reader = Reader::default();
        for line in [
            "= tcp",
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
            "   0: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 1 1",
            "   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1",
            "   2: 0A01A8C0:0016 0B01A8C0:D431 01 00000000:00000000 00:00000000 00000000     0        0 3 1",
            "   3: 00000000:9C41 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4 1",
            "= tcp6",
            "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 5 1",
            "   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 5 1",
            "= udp",
            "  10: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 6 2 0 0",
            "garbage",
            "  10: ZZ:0044 0:0 07",
        ] {
            reader.line(line);
        }
        let expected = ["tcp 0.0.0.0:22", "tcp 127.0.0.1:53", "tcp [::1]:631", "tcp [::]:80", "udp 0.0.0.0:68"];
        assert_eq!(reader.finish(), expected);
    }
}
