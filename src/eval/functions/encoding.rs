//! Functions that write values as text and read them back: base64, character sets, CSV, JSON, URLs.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use super::{Args, Function, FunctionError, Result, TEXT, VALUE, bounded, deflate, fixed, json};
use crate::value::{Type, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    fixed("base64decode", &[TEXT], |a| Ok(text_of(decode_base64(a)?, "decoded base64")?.into())),
    fixed("base64encode", &[TEXT], |a| Ok(BASE64.encode(a.text(0)?).into())),
    fixed("base64gzip", &[TEXT], |a| Ok(BASE64.encode(deflate::gzip(a.text(0)?.as_bytes())).into())),
    fixed("csvdecode", &[TEXT], csvdecode),
    fixed("jsondecode", &[TEXT], |a| json::decode(a.text(0)?).map_err(|message| FunctionError::at(0, message))),
    fixed("jsonencode", &[VALUE], |a| Ok(json::encode(a.value(0)?).into())),
    fixed("textdecodebase64", &[TEXT, TEXT], textdecodebase64),
    fixed("textencodebase64", &[TEXT, TEXT], textencodebase64),
    fixed("urlencode", &[TEXT], |a| Ok(urlencode(a.text(0)?).into())),
];

/// As lenient as Go's: bits behind the last byte may be set.
pub(super) const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

fn text_of(bytes: Vec<u8>, what: &str) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        FunctionError::at(0, format!("the {what} is not UTF-8 text (byte {place})"))
    })
}

/// The first argument's bytes; line breaks between digits do not count.
pub(super) fn decode_base64(a: &Args<'_>) -> Result<Vec<u8>> {
    let text = a.text(0)?.replace(['\r', '\n'], "");
    BASE64.decode(text).map_err(|error| FunctionError::at(0, format!("this is not base64: {error}")))
}

/// Rows as objects whose attributes are the columns of the first row.
fn csvdecode(a: &Args<'_>) -> Result<Value> {
    let text = a.text(0)?;
    let wrong = |message: String| FunctionError::at(0, message);
    if text.matches('"').count() % 2 == 1 {
        return Err(wrong("a quote is never closed".to_owned()));
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let columns = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    if columns.is_empty() {
        return Err(wrong("the line with the column names is missing".to_owned()));
    }
    let mut names = std::collections::HashSet::new();
    if let Some(twice) = columns.iter().find(|name| !names.insert(*name)) {
        return Err(wrong(format!("there are two columns {twice:?}")));
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(error.to_string()))?;
        let cells = columns.iter().zip(row.iter()).map(|(name, cell)| (name.to_owned(), cell.into()));
        rows.push(Value::object(cells.collect::<BTreeMap<_, _>>()));
        bounded(Some(rows.len()))?;
    }
    let object = columns.iter().map(|name| (name.to_owned(), crate::value::Attribute::required(Type::String)));
    Ok(Value::list(Type::Object(object.collect()), rows))
}

/// Character sets that the encoding standard of the web, our library's subject, writes otherwise or not at all.
enum Charset {
    /// One byte per character, up to a last one.
    Bytes(u32),
    Utf16 {
        big: bool,
        mark: bool,
    },
    Web(&'static encoding_rs::Encoding),
}

fn charset(a: &Args<'_>) -> Result<Charset> {
    let name = a.text(1)?;
    Ok(match name.to_ascii_uppercase().as_str() {
        "US-ASCII" | "ASCII" => Charset::Bytes(0x7f),
        "ISO-8859-1" | "ISO_8859-1" | "LATIN1" | "L1" => Charset::Bytes(0xff),
        "UTF-16" => Charset::Utf16 { big: true, mark: true },
        "UTF-16BE" => Charset::Utf16 { big: true, mark: false },
        "UTF-16LE" => Charset::Utf16 { big: false, mark: false },
        _ => Charset::Web(encoding_rs::Encoding::for_label(name.as_bytes()).ok_or_else(|| {
            FunctionError::at(1, format!("{name:?} is no known character set; write an IANA name such as \"UTF-16LE\""))
        })?),
    })
}

fn textencodebase64(a: &Args<'_>) -> Result<Value> {
    let (text, name) = (a.text(0)?, a.text(1)?);
    let lacking = || FunctionError::at(0, format!("{name} cannot write all characters of this text"));
    let bytes = match charset(a)? {
        Charset::Bytes(last) => {
            let byte = |c: char| u8::try_from(u32::from(c)).ok().filter(|byte| u32::from(*byte) <= last);
            text.chars().map(byte).collect::<Option<Vec<u8>>>().ok_or_else(lacking)?
        }
        Charset::Utf16 { big, mark } => {
            let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
            units.flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
        }
        Charset::Web(encoding) => match encoding.encode(text) {
            (bytes, used, false) if used == encoding => bytes.into_owned(),
            _ => return Err(lacking()),
        },
    };
    Ok(BASE64.encode(bytes).into())
}

fn textdecodebase64(a: &Args<'_>) -> Result<Value> {
    let bytes = decode_base64(a)?;
    let wrong = || FunctionError::at(0, format!("the bytes are not {} text", a.text(1).unwrap_or_default()));
    Ok(match charset(a)? {
        Charset::Bytes(last) if bytes.iter().all(|byte| u32::from(*byte) <= last) => {
            bytes.into_iter().map(char::from).collect::<String>()
        }
        Charset::Bytes(_) => return Err(wrong()),
        Charset::Utf16 { big, mark } => {
            let (pairs, rest) = bytes.as_chunks::<2>();
            if !rest.is_empty() {
                return Err(wrong());
            }
            let little = !big || (mark && pairs.first() == Some(&[0xff, 0xfe]));
            let unit = |pair: &[u8; 2]| if little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
            let units: Vec<u16> = pairs.iter().map(unit).collect();
            let units = if mark && units.first() == Some(&0xfeff) { &units[1..] } else { &units };
            String::from_utf16(units).map_err(|_| wrong())?
        }
        Charset::Web(encoding) => {
            encoding.decode_without_bom_handling_and_without_replacement(&bytes).ok_or_else(wrong)?.into_owned()
        }
    }
    .into())
}

/// For the query of a URL: a space becomes `+`.
fn urlencode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
            b' ' => encoded.push('+'),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
