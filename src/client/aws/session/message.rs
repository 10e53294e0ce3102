//! Messages of Session Manager's data channel: a header of fixed length in network byte order, then the payload.
//!
//! | field | bytes |
//! |---|---|
//! | header length (116) | 4 |
//! | message type, padded with blanks | 32 |
//! | schema version (1) | 4 |
//! | created, milliseconds since 1970 | 8 |
//! | sequence number | 8 |
//! | flags: 1 first, 2 last of a sequence | 8 |
//! | message id, a UUID with its halves swapped | 16 |
//! | SHA-256 of the payload | 32 |
//! | payload type | 4 |
//! | payload length | 4 |

use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Length of the header without the payload's own length, as the first field has it.
const HEADER: usize = 116;

pub(super) const INPUT: &str = "input_stream_data";
pub(super) const OUTPUT: &str = "output_stream_data";
pub(super) const ACKNOWLEDGE: &str = "acknowledge";
pub(super) const CLOSED: &str = "channel_closed";

/// Payload types of stream messages.
pub(super) const DATA: u32 = 1;
pub(super) const HANDSHAKE_REQUEST: u32 = 5;
pub(super) const HANDSHAKE_RESPONSE: u32 = 6;
pub(super) const HANDSHAKE_COMPLETE: u32 = 7;
pub(super) const FLAG: u32 = 10;

/// Values of [`FLAG`].
pub(super) const TERMINATE: u32 = 2;
pub(super) const PORT_REFUSED: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub kind: String,
    pub sequence: i64,
    pub flags: u64,
    pub id: Uuid,
    pub payload_type: u32,
    pub payload: Bytes,
}

impl Message {
    /// A stream message of ours.
    pub(super) fn input(sequence: i64, payload_type: u32, payload: Bytes) -> Self {
        Self { kind: INPUT.to_owned(), sequence, flags: 0, id: Uuid::new_v4(), payload_type, payload }
    }

    /// Says that `other` has arrived.
    pub(super) fn acknowledge(other: &Self) -> Self {
        let content = serde_json::json!({
            "AcknowledgedMessageType": other.kind,
            "AcknowledgedMessageId": other.id.to_string(),
            "AcknowledgedMessageSequenceNumber": other.sequence,
            "IsSequentialMessage": true,
        });
        Self {
            kind: ACKNOWLEDGE.to_owned(),
            sequence: 0,
            flags: 3,
            id: Uuid::new_v4(),
            payload_type: 0,
            payload: content.to_string().into(),
        }
    }

    /// `created`: milliseconds since 1970.
    pub(super) fn encode(&self, created: u64) -> Bytes {
        let mut out = BytesMut::with_capacity(HEADER + 4 + self.payload.len());
        out.put_u32(HEADER as u32);
        out.put_slice(format!("{:<32}", self.kind).as_bytes());
        out.put_u32(1);
        out.put_u64(created);
        out.put_i64(self.sequence);
        out.put_u64(self.flags);
        let (first, second) = self.id.as_bytes().split_at(8);
        out.put_slice(second);
        out.put_slice(first);
        out.put_slice(&Sha256::digest(&self.payload));
        out.put_u32(self.payload_type);
        out.put_u32(self.payload.len() as u32);
        out.put_slice(&self.payload);
        out.freeze()
    }

    /// Nothing when the bytes are no message, or not the ones that were sent.
    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let header = usize::try_from(number(0)?).ok()?;
        let kind = String::from_utf8_lossy(bytes.get(4..36)?).trim_matches(['\0', ' ']).to_owned();
        let halves = [bytes.get(72..80)?, bytes.get(64..72)?].concat();
        let digest = bytes.get(80..112)?;
        let start = header.checked_add(4).filter(|start| *start <= bytes.len())?;
        // Some messages of the service itself have a header without the last fields.
        let payload_type = if header >= HEADER { number(112)? } else { 0 };
        let payload = bytes.slice(start..);
        let intact = payload.is_empty() || kind != OUTPUT || Sha256::digest(&payload).as_slice() == digest;
        intact.then_some(Self {
            kind,
            sequence: i64::from_be_bytes(long(48)?.to_be_bytes()),
            flags: long(56)?,
            id: Uuid::from_slice(&halves).ok()?,
            payload_type,
            payload,
        })
    }
}

/// What an acknowledgement says.
#[derive(Debug, Deserialize)]
pub(super) struct Acknowledged {
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    pub sequence: i64,
}

/// Why the service closed the channel.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Closed {
    #[serde(rename = "Output", default)]
    pub output: String,
}

/// What the agent asks for before it begins.
#[derive(Debug, Deserialize)]
pub(super) struct Handshake {
    #[serde(rename = "RequestedClientActions", default)]
    pub actions: Vec<Action>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Action {
    #[serde(rename = "ActionType")]
    pub kind: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_encoding() {
        let message = Message::input(7, DATA, Bytes::from_static(b"hello"));
        let mut bytes = message.encode(1);
        assert_eq!(bytes.len(), HEADER + 4 + 5);
        assert_eq!(&bytes[4..36], b"input_stream_data               ");
        assert_eq!(&bytes[64..72], &message.id.as_bytes()[8..]);
        assert_eq!(Message::decode(&bytes), Some(message));
        bytes.truncate(100);
        assert_eq!(Message::decode(&bytes), None);
    }

    #[test]
    fn what_was_changed_on_the_way_is_no_message() {
        let mut message = Message::input(0, DATA, Bytes::from_static(b"hello"));
        message.kind = OUTPUT.to_owned();
        let mut bytes = message.encode(1).to_vec();
        assert!(Message::decode(&bytes.clone().into()).is_some());
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        assert_eq!(Message::decode(&bytes.into()), None);
    }
}
