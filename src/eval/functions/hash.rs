//! Digests, passwords, identifiers and one decryption.

use bcrypt::Version;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Encrypt, RsaPrivateKey};
use sha2::Digest;
use uuid::Uuid;

use super::encoding::decode_base64;
use super::{Args, Function, FunctionError, NUMBER, Result, TEXT, fixed};
use crate::value::Value;

/// What the peer takes when no cost, or one below the least, is given.
const COST: u32 = 10;
/// Each step doubles the time; this one takes about half a minute, 31 would take days.
const HIGHEST_COST: u32 = 18;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "bcrypt", needs: &[TEXT], may: &[NUMBER], rest: None, run: bcrypt },
    fixed("md5", &[TEXT], hex::<md5::Md5>),
    fixed("rsadecrypt", &[TEXT, TEXT], rsadecrypt),
    fixed("sha1", &[TEXT], hex::<sha1::Sha1>),
    fixed("sha256", &[TEXT], hex::<sha2::Sha256>),
    fixed("sha512", &[TEXT], hex::<sha2::Sha512>),
    fixed("uuidv4", &[], |a| Ok(if a.cx.frozen { Uuid::nil() } else { Uuid::new_v4() }.to_string().into())),
    fixed("uuidv5", &[TEXT, TEXT], uuidv5),
];

fn hex<D: Digest>(a: &Args<'_>) -> Result<Value> {
    let digest = D::digest(a.text(0)?);
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

fn bcrypt(a: &Args<'_>) -> Result<Value> {
    let cost = if a.len() > 1 { a.integer(1)? } else { COST.into() };
    let cost = if cost < 4 { COST } else { u32::try_from(cost).unwrap_or(u32::MAX) };
    if cost > HIGHEST_COST {
        return Err(FunctionError::at(1, format!("a cost above {HIGHEST_COST} takes minutes; it is refused")));
    }
    let salt: [u8; 16] = if a.cx.frozen { [0; 16] } else { rand::random() };
    let parts = bcrypt::non_truncating_hash_with_salt(a.text(0)?, cost, salt);
    let parts = parts.map_err(|error| FunctionError::at(0, error.to_string()))?;
    Ok(parts.format_for_version(Version::TwoA).into())
}

/// PKCS#1 v1.5, with a key in PKCS#1 or PKCS#8 form. The messages show nothing of key or text.
fn rsadecrypt(a: &Args<'_>) -> Result<Value> {
    let (cipher, pem) = (decode_base64(a)?, a.text(1)?);
    let key = RsaPrivateKey::from_pkcs1_pem(pem).or_else(|_| RsaPrivateKey::from_pkcs8_pem(pem));
    let key =
        key.map_err(|_| FunctionError::at(1, "this is no RSA private key in PEM form, or it has a passphrase"))?;
    let text = key.decrypt(Pkcs1v15Encrypt, &cipher);
    let text = text.map_err(|_| FunctionError::at(0, "this text was not encrypted for this key"))?;
    let text = String::from_utf8(text).map_err(|_| FunctionError::at(0, "the decrypted bytes are not UTF-8 text"))?;
    Ok(text.into())
}

fn uuidv5(a: &Args<'_>) -> Result<Value> {
    let namespace = match a.text(0)? {
        "dns" => Uuid::NAMESPACE_DNS,
        "url" => Uuid::NAMESPACE_URL,
        "oid" => Uuid::NAMESPACE_OID,
        "x500" => Uuid::NAMESPACE_X500,
        other => Uuid::parse_str(other)
            .map_err(|_| FunctionError::at(0, format!("{other:?} is neither dns, url, oid or x500 nor a UUID")))?,
    };
    Ok(Uuid::new_v5(&namespace, a.text(1)?.as_bytes()).to_string().into())
}
